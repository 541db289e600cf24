// SPDX-License-Identifier: Apache-2.0
// The contract of Kvstore as tests; each backend calls it from its own test file.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { testAnnouncements } from "./announcements.conformance.ts";
import { createAnnouncements } from "./announcements.ts";
import { KvCompactedError, KvstoreError } from "./errors.ts";
import { eventually } from "./testing.ts";
import type { KvBatch, KvChanges, Kvstore } from "./types.ts";

/** One store, empty at first, that tests can hurt. */
export interface KvstoreFixture extends AsyncDisposable {
  /** A session; `leaseTtl` in seconds. The test closes it. */
  open(leaseTtl?: number): Kvstore;
  /** Forgets the history up to now. */
  compact(): Promise<void>;
  /** Makes the store unreachable for these sessions until `repair`. */
  break(): Promise<void>;
  repair(): Promise<void>;
  /** While broken: loses all data and leases. */
  wipe(): Promise<void>;
  /** Ends all leases of the store, as time would. */
  expireLeases(): Promise<void>;
}

/** Declares the contract's tests under a name. */
export function testKvstore(name: string, create: () => Promise<KvstoreFixture>): void {
  describe(`${name} as a Kvstore`, () => {
    testKeys(create);
    testTransactions(create);
    testWatch(create);
    testListAndWatch(create);
    testLeases(create);
    testAnnouncements(create);
    testOutage(create);
    testClose(create);
  });
}

type Create = () => Promise<KvstoreFixture>;

/** Keeps what a listAndWatch says. */
export class Mirror implements AsyncDisposable {
  readonly values = new Map<string, string>();
  readonly log: string[] = [];
  readonly deliveries: KvChanges[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(kvstore: Kvstore, prefix: string) {
    this.#done = this.#read(kvstore, prefix);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #read(kvstore: Kvstore, prefix: string): Promise<void> {
    for await (const changes of kvstore.listAndWatch(prefix, { signal: this.#stop.signal })) {
      this.deliveries.push(changes);
      for (const event of changes.events) {
        if (event.kind === "put") this.values.set(event.entry.key, event.entry.value);
        else this.values.delete(event.key);
        this.log.push(event.kind === "put" ? `${event.entry.key}=${event.entry.value}` : `-${event.key}`);
      }
    }
  }
}

function testKeys(create: Create): void {
  test("get, put and delete", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    assert.equal(await kv.get("t/a"), undefined);
    const first = await kv.put("t/a", "1");
    const second = await kv.put("t/a", "zwei ä \u{1f600}");
    assert.ok(second > first);
    const entry = await kv.get("t/a");
    assert.deepEqual(entry, {
      key: "t/a",
      value: "zwei ä \u{1f600}",
      createRevision: first,
      modRevision: second,
      lease: 0n,
    });
    assert.equal(await kv.delete("t/a"), true);
    assert.equal(await kv.delete("t/a"), false);
    assert.equal(await kv.get("t/a"), undefined);
  });

  test("list gives exactly the keys with the prefix, sorted, over several pages", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    const keys = Array.from({ length: 600 }, (_, n) => `t/p/${String(n).padStart(4, "0")}`);
    await Promise.all([...keys, "t/o", "t/p", "t/q/1"].map((key) => kv.put(key, "x")));
    const { items, revision } = await kv.list("t/p/");
    assert.deepEqual(
      items.map(({ key }) => key),
      keys,
    );
    assert.equal(revision, await lastRevision(kv));
    assert.deepEqual((await kv.list("t/none/")).items, []);
    assert.equal((await kv.list("")).items.length, 603);
    assert.equal(await kv.deletePrefix("t/p/"), 600);
    assert.deepEqual(
      (await kv.list("t/")).items.map(({ key }) => key),
      ["t/o", "t/p", "t/q/1"],
    );
  });
}

async function lastRevision(kv: Kvstore): Promise<bigint> {
  const revisions = (await kv.list("")).items.map(({ modRevision }) => modRevision);
  return revisions.sort((a, b) => Number(a - b)).at(-1) ?? 0n;
}

function testTransactions(create: Create): void {
  test("createOnly lets one of many win", async () => {
    await using fixture = await create();
    await using one = fixture.open();
    await using two = fixture.open();
    const tries = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? one : two).createOnly("t/c", `${n}`));
    const results = await Promise.all(tries);
    assert.equal(results.filter((won) => won).length, 1);
    assert.equal((await one.get("t/c"))?.value, `${results.indexOf(true)}`);
  });

  test("compareAndSwap replaces only the version it knows", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    await kv.put("t/a", "1");
    const known = await kv.get("t/a");
    assert.ok(known);
    assert.equal(await kv.compareAndSwap(known, "2"), true);
    assert.equal(await kv.compareAndSwap(known, "3"), false);
    assert.equal((await kv.get("t/a"))?.value, "2");
  });

  test("txn does all writes or none, by each kind of condition", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    await kv.put("t/a", "1");
    const write = { kind: "put", key: "t/out", value: "x" } as const;
    const wrong = [
      { key: "t/a", kind: "absent" },
      { key: "t/b", kind: "present" },
      { key: "t/a", kind: "value", value: "2" },
      { key: "t/", kind: "absentPrefix" },
      { key: "t/a", kind: "modRevision", revision: 1n },
      { key: "t/", kind: "unmodifiedPrefix", since: 1n },
    ] as const;
    for (const compare of wrong) assert.equal(await kv.txn([compare], [write]), undefined, compare.kind);
    assert.equal(await kv.get("t/out"), undefined);
    const revision = (await kv.get("t/a"))?.modRevision ?? 0n;
    const right = [
      { key: "t/b", kind: "absent" },
      { key: "t/a", kind: "present" },
      { key: "t/a", kind: "value", value: "1" },
      { key: "t/b/", kind: "absentPrefix" },
      { key: "t/a", kind: "modRevision", revision },
      { key: "t/", kind: "unmodifiedPrefix", since: revision },
      { key: "none/", kind: "unmodifiedPrefix", since: 0n },
    ] as const;
    const written = await kv.txn(right, [write, { kind: "delete", key: "t/a" }]);
    assert.equal((await kv.get("t/out"))?.modRevision, written);
    assert.deepEqual(
      (await kv.list("t/")).items.map(({ key }) => key),
      ["t/out"],
    );
    assert.equal(await kv.txn([...right.slice(0, 1), ...wrong.slice(1, 2)], [write]), undefined);
  });
}

function testWatch(create: Create): void {
  test("watch delivers events from a revision on, in order, of its prefix only", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    const first = await kv.put("t/a", "1");
    await kv.put("u/a", "no");
    await kv.put("t/a", "2");
    await kv.delete("t/a");
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const batch of kv.watch("t/", { fromRevision: first, signal: stop.signal })) {
      seen.push(...describeBatch(batch));
      if (seen.length === 3) await kv.put("t/b", "3");
      if (seen.length === 4) stop.abort();
    }
    assert.deepEqual(seen, ["t/a=1", "t/a=2", "-t/a", "t/b=3"]);
  });

  test("watch from a compacted revision says so", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    const first = await kv.put("t/a", "1");
    await kv.put("t/a", "2");
    await fixture.compact();
    await assert.rejects(kv.watch("t/", { fromRevision: first }).next(), KvCompactedError);
  });

  test("watch from a revision that the store never reached says so, as the store was wiped since", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    await kv.put("t/a", "1");
    await assert.rejects(kv.watch("t/", { fromRevision: 1_000_000n }).next(), KvCompactedError);
  });

  test("watch ends quietly when its signal aborts", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    const stop = new AbortController();
    const next = kv.watch("t/", { signal: stop.signal }).next();
    setTimeout(() => stop.abort(), 30);
    assert.equal((await next).done, true);
  });
}

function describeBatch(batch: KvBatch): string[] {
  return batch.events.map((event) =>
    event.kind === "put" ? `${event.entry.key}=${event.entry.value}` : `-${event.key}`,
  );
}

function testListAndWatch(create: Create): void {
  test("listAndWatch begins with all that is there, also when that is nothing", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    await using empty = new Mirror(kv, "t/");
    await eventually("the initial delivery", () => empty.deliveries.length === 1);
    assert.deepEqual(empty.deliveries[0]?.events, []);
    assert.equal(empty.deliveries[0]?.initial, true);
    await kv.put("t/a", "1");
    await kv.put("t/b", "2");
    await eventually("the changes", () => empty.log.length === 2);
    assert.ok(empty.deliveries.slice(1).every(({ initial, resync }) => !initial && !resync));
    await using full = new Mirror(kv, "t/");
    await eventually("the initial delivery", () => full.deliveries.length === 1);
    assert.deepEqual(full.log, ["t/a=1", "t/b=2"]);
    await kv.delete("t/a");
    await eventually("the delete", () => full.log.at(-1) === "-t/a" && empty.log.at(-1) === "-t/a");
  });
}

function testLeases(create: Create): void {
  test("a leased key stays as long as the session lives, and is withdrawn for others when the lease ends", async () => {
    await using fixture = await create();
    await using living = fixture.open(60);
    await using dying = fixture.open(60);
    await using mirror = new Mirror(living, "t/");
    await living.put("t/living", "1", { lease: true });
    await dying.put("t/dying", "1", { lease: true });
    await dying.put("t/kept", "1");
    await eventually("all keys", () => mirror.values.size === 3);
    assert.notEqual((await living.get("t/dying"))?.lease, 0n);
    await dying.close({ revoke: true });
    await eventually("the withdrawal", () => !mirror.values.has("t/dying"));
    assert.deepEqual([...mirror.values.keys()].sort(), ["t/kept", "t/living"]);
  });

  test("close leaves leased keys in place for a restart, which takes them over", async () => {
    await using fixture = await create();
    await using before = fixture.open(60);
    await before.put("t/a", "1", { lease: true });
    const old = (await before.get("t/a"))?.lease;
    await before.close();
    await using after = fixture.open(60);
    assert.equal((await after.get("t/a"))?.value, "1");
    await after.put("t/a", "1", { lease: true });
    assert.notEqual((await after.get("t/a"))?.lease, old);
  });

  test("a lost lease is replaced: the next write succeeds and listeners hear of it", async () => {
    await using fixture = await create();
    await using kv = fixture.open(60);
    await kv.put("t/a", "1", { lease: true });
    let lost = 0;
    kv.onLeaseLost(() => lost++);
    await fixture.expireLeases();
    assert.equal(await kv.get("t/a"), undefined);
    await kv.put("t/b", "2", { lease: true });
    assert.equal(lost, 1);
    assert.equal((await kv.get("t/b"))?.value, "2");
  });

  test("announcements are put again when the lease was lost, or someone removed them", async () => {
    await using fixture = await create();
    await using kv = fixture.open(1);
    await using mirror = new Mirror(kv, "t/");
    await using announced = createAnnouncements(kv);
    announced.set("t/a", "1");
    announced.set("t/b", "1");
    announced.set("t/b", "2");
    await announced.settled();
    await fixture.expireLeases();
    await eventually("the withdrawal", () => mirror.log.includes("-t/a"));
    await eventually("both again", () => mirror.values.get("t/a") === "1" && mirror.values.get("t/b") === "2");
    await kv.delete("t/a");
    await eventually("the removal", () => mirror.log.at(-1) === "-t/a");
    const last = mirror.deliveries.at(-1);
    assert.ok(last);
    announced.observe(last);
    await eventually("a third time", () => mirror.values.get("t/a") === "1");
    announced.delete("t/a");
    await announced.settled();
    assert.equal(await kv.get("t/a"), undefined);
    assert.equal((await kv.get("t/b"))?.value, "2");
  });
}

function testOutage(create: Create): void {
  test("without the store operations fail with UNAVAILABLE and the status says so; both end with it", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    await kv.connected();
    assert.equal(kv.status().state, "Ok");
    assert.match(kv.status().message, /: 1\/1 connected/);
    let reconnects = 0;
    kv.onReconnect(() => reconnects++);
    await fixture.break();
    await assert.rejects(kv.put("t/a", "1"), (error) => error instanceof KvstoreError && error.code === "UNAVAILABLE");
    assert.equal(kv.status().state, "Failure");
    assert.match(kv.status().message, /: 0\/1 connected/);
    assert.equal(kv.status().connected, false);
    await fixture.repair();
    await eventually("the store's answer", () => kv.status().state === "Ok");
    assert.equal(reconnects, 1);
    await kv.put("t/a", "1");
  });

  test("after an outage a watch has what came and drops what went, and announcements are written", async () => {
    await using fixture = await create();
    await using kv = fixture.open(60);
    await kv.put("t/stays", "1");
    await kv.put("t/goes", "1", { lease: true });
    await using mirror = new Mirror(kv, "t/");
    await using announced = createAnnouncements(kv);
    announced.set("t/own", "1");
    await eventually("all keys", () => mirror.values.size === 3);
    await fixture.break();
    announced.set("t/late", "1");
    announced.delete("t/own");
    assert.equal(mirror.values.size, 3);
    await fixture.repair();
    await eventually("the announcement", () => mirror.values.has("t/late") && !mirror.values.has("t/own"));
    assert.deepEqual([...mirror.values.keys()].sort(), ["t/goes", "t/late", "t/stays"]);
  });

  test("a wiped store ends in deletes of what vanished and in announcements put again", async () => {
    await using fixture = await create();
    await using kv = fixture.open(60);
    for (let n = 0; n < 20; n++) await kv.put("t/other", `${n}`);
    await using mirror = new Mirror(kv, "t/");
    await using announced = createAnnouncements(kv);
    announced.set("t/own", "1");
    await announced.settled();
    await eventually("both keys", () => mirror.values.size === 2);
    await fixture.break();
    await fixture.wipe();
    await fixture.repair();
    await eventually("the end of the other's key", () => !mirror.values.has("t/other"));
    await eventually("the own key", async () => (await kv.get("t/own"))?.value === "1" && mirror.values.has("t/own"));
    await kv.put("t/new", "1");
    await eventually("news", () => mirror.values.get("t/new") === "1");
  });
}

function testClose(create: Create): void {
  test("close ends watches and refuses calls", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    const mirror = new Mirror(kv, "t/");
    await eventually("the initial delivery", () => mirror.deliveries.length === 1);
    await kv.close();
    await mirror[Symbol.asyncDispose]();
    await kv.close();
    await assert.rejects(kv.get("t/a"), /Cannot get "t\/a": the key-value store is closed/);
  });
}
