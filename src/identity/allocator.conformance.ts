// SPDX-License-Identifier: Apache-2.0
// The contract of IdentityAllocator as tests; each implementation calls it from its own test file.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Labels } from "../core/index.ts";
import { IdentityExhaustedError } from "./errors.ts";
import { Identity } from "./numeric.ts";
import type { IdentityAllocator, IdentityRange } from "./types.ts";

/** One store, empty at first, and as many allocators over it as a test asks for. */
export interface AllocatorFixture extends AsyncDisposable {
  /** An allocator as another node would have it; ready when the promise resolves. The test closes it. */
  open(): Promise<IdentityAllocator>;
}

/** Makes a fixture whose store has this range of ids. */
export type AllocatorFixtureFactory = (range: IdentityRange) => Promise<AllocatorFixture>;

const wide: IdentityRange = { min: 256, max: 1023 };
const narrow: IdentityRange = { min: 256, max: 258 };

/** Declares the contract's tests under a name. */
export function testIdentityAllocator(name: string, create: AllocatorFixtureFactory): void {
  describe(`${name} as an IdentityAllocator`, () => {
    testNumbers(create);
    testReferences(create);
    testSeveral(create);
    testGarbage(create);
  });
}

function labelsOf(app: string): Labels {
  return Labels.parse([`k8s:app=${app}`, "k8s:io.kubernetes.pod.namespace=default"]);
}

/** Waits until a condition holds that another allocator's news brings about. */
async function eventually(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (condition()) return;
    await sleep(20);
  }
  assert.fail(`${what} did not come about within 60 s`);
}

function testNumbers(create: AllocatorFixtureFactory): void {
  test("allocate() gives ids of the range, one for each label set", async () => {
    await using fixture = await create(wide);
    await using allocator = await fixture.open();
    const a = await allocator.allocate(labelsOf("a"));
    const b = await allocator.allocate(labelsOf("b"));
    assert.notEqual(a.id, b.id);
    for (const { id } of [a, b]) assert.ok(id >= wide.min && id <= wide.max, `${id} lies outside of the range`);
    assert.equal(a.labels.canonical, labelsOf("a").canonical);
    const sameInOtherOrder = Labels.parse(["k8s:io.kubernetes.pod.namespace=default", "k8s:app=a"]);
    assert.equal((await allocator.allocate(sameInOtherOrder)).id, a.id);
  });

  test("allocate() puts the row into the table before it returns; get() and lookup() find it", async () => {
    await using fixture = await create(wide);
    await using allocator = await fixture.open();
    assert.equal(allocator.lookup(labelsOf("a")), undefined);
    const { id } = await allocator.allocate(labelsOf("a"));
    assert.equal(allocator.table.get(id)?.labels.canonical, labelsOf("a").canonical);
    assert.equal(allocator.get(id)?.id, id);
    assert.equal(allocator.lookup(labelsOf("a"))?.id, id);
    assert.equal(allocator.get(id + 1), undefined);
  });

  test("label sets that differ in source or value alone have ids of their own", async () => {
    await using fixture = await create(wide);
    await using allocator = await fixture.open();
    const sets = [["k8s:a=b"], ["container:a=b"], ["k8s:a=c"], ["k8s:a="], ["k8s:a=b", "k8s:c=d"], ["k8s:a/c=d"]];
    const ids = await Promise.all(sets.map(async (set) => (await allocator.allocate(Labels.parse(set))).id));
    assert.equal(new Set(ids).size, sets.length);
  });

  test("reserved label sets have their reserved number", async () => {
    await using fixture = await create(wide);
    await using allocator = await fixture.open();
    assert.equal((await allocator.allocate(Labels.parse(["reserved:health"]))).id, Identity.health);
    assert.equal(allocator.lookup(Labels.parse(["reserved:init"]))?.id, Identity.init);
    assert.equal(allocator.get(Identity.host)?.labels.canonical, "reserved:host=;");
    assert.equal(await allocator.release(Identity.health), false);
    assert.equal(allocator.get(Identity.health)?.id, Identity.health);
  });
}

function testReferences(create: AllocatorFixtureFactory): void {
  test("release() is true for the last reference only, false for what is not held", async () => {
    await using fixture = await create(wide);
    await using allocator = await fixture.open();
    const { id } = await allocator.allocate(labelsOf("a"));
    await allocator.allocate(labelsOf("a"));
    assert.equal(allocator.references(id), 2);
    assert.equal(await allocator.release(id), false);
    assert.equal(await allocator.release(id), true);
    assert.equal(allocator.references(id), 0);
    assert.equal(await allocator.release(id), false);
    assert.equal(await allocator.release(999), false);
  });

  test("an identity without references keeps its id for its labels", async () => {
    await using fixture = await create(wide);
    await using allocator = await fixture.open();
    const { id } = await allocator.allocate(labelsOf("a"));
    await allocator.release(id);
    assert.equal(allocator.get(id)?.id, id);
    assert.equal((await allocator.allocate(labelsOf("a"))).id, id);
  });

  test("close() is idempotent and gives references back", async () => {
    await using fixture = await create(wide);
    const closing = await fixture.open();
    await using other = await fixture.open();
    const { id } = await closing.allocate(labelsOf("a"));
    await closing.close();
    await closing.close();
    await assert.rejects(closing.allocate(labelsOf("b")));
    assert.deepEqual(await other.collectGarbage(), []);
    assert.deepEqual(await other.collectGarbage(), [id]);
  });
}

function testSeveral(create: AllocatorFixtureFactory): void {
  test("two allocators agree, and each learns what the other made", async () => {
    await using fixture = await create(wide);
    await using one = await fixture.open();
    await using two = await fixture.open();
    const a = await one.allocate(labelsOf("a"));
    const b = await two.allocate(labelsOf("b"));
    assert.equal((await two.allocate(labelsOf("a"))).id, a.id);
    assert.equal((await one.allocate(labelsOf("b"))).id, b.id);
    const c = await one.allocate(labelsOf("c"));
    await eventually("the other's identity", () => two.get(c.id)?.labels.equals(labelsOf("c")) === true);
    assert.equal(two.lookup(labelsOf("c"))?.id, c.id);
  });

  test("an allocator opened later knows all present identities", async () => {
    await using fixture = await create(wide);
    await using one = await fixture.open();
    const rows = await Promise.all(Array.from({ length: 20 }, (_, n) => one.allocate(labelsOf(`app${n}`))));
    await using two = await fixture.open();
    for (const row of rows) assert.equal(two.get(row.id)?.labels.canonical, row.labels.canonical);
  });

  test("labels asked for by several at once get one id, and no id goes to two label sets", async () => {
    await using fixture = await create(wide);
    await using one = await fixture.open();
    await using two = await fixture.open();
    const asks = Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? one : two).allocate(labelsOf(`app${n % 10}`)));
    const rows = await Promise.all(asks);
    const idsOfLabels = Map.groupBy(rows, (row) => row.labels.canonical);
    assert.equal(idsOfLabels.size, 10);
    for (const [labels, same] of idsOfLabels) assert.equal(new Set(same.map((row) => row.id)).size, 1, labels);
    assert.equal(new Set(rows.map((row) => row.id)).size, 10);
  });
}

function testGarbage(create: AllocatorFixtureFactory): void {
  test("collectGarbage() removes what was unused twice in a row, nothing that anyone holds", async () => {
    await using fixture = await create(wide);
    await using one = await fixture.open();
    await using two = await fixture.open();
    const unused = await one.allocate(labelsOf("unused"));
    const held = await one.allocate(labelsOf("held"));
    await two.allocate(labelsOf("held"));
    await one.release(unused.id);
    await one.release(held.id);
    assert.deepEqual(await one.collectGarbage(), []);
    assert.deepEqual(await one.collectGarbage(), [unused.id]);
    assert.equal(one.get(unused.id), undefined);
    assert.equal(one.get(held.id)?.id, held.id);
    await eventually("the withdrawal", () => two.get(unused.id) === undefined);
  });

  test("an identity taken up again between two collections stays", async () => {
    await using fixture = await create(wide);
    await using allocator = await fixture.open();
    const { id } = await allocator.allocate(labelsOf("a"));
    await allocator.release(id);
    await allocator.collectGarbage();
    assert.equal((await allocator.allocate(labelsOf("a"))).id, id);
    assert.deepEqual(await allocator.collectGarbage(), []);
    await allocator.release(id);
    assert.deepEqual(await allocator.collectGarbage(), []);
    assert.deepEqual(await allocator.collectGarbage(), [id]);
  });

  test("a number given back does not go to other labels at once", async () => {
    await using fixture = await create({ min: 256, max: 265 });
    await using allocator = await fixture.open();
    const first = await allocator.allocate(labelsOf("first"));
    await allocator.release(first.id);
    await allocator.collectGarbage();
    await allocator.collectGarbage();
    for (let n = 0; n < 9; n++) assert.notEqual((await allocator.allocate(labelsOf(`app${n}`))).id, first.id);
    assert.equal((await allocator.allocate(labelsOf("last"))).id, first.id);
  });

  test("a full range is an error that says what to do, and ends when something is collected", async () => {
    await using fixture = await create(narrow);
    await using allocator = await fixture.open();
    const [a] = await Promise.all(["a", "b", "c"].map((app) => allocator.allocate(labelsOf(app))));
    assert.ok(a);
    await assert.rejects(allocator.allocate(labelsOf("d")), (error) => {
      assert.ok(error instanceof IdentityExhaustedError);
      assert.match(error.message, /all 3 identities of 256-258 are in use \(.*labels option\)/);
      return true;
    });
    assert.equal((await allocator.allocate(labelsOf("b"))).id, allocator.lookup(labelsOf("b"))?.id);
    await allocator.release(a.id);
    await allocator.collectGarbage();
    await allocator.collectGarbage();
    assert.equal((await allocator.allocate(labelsOf("d"))).id, a.id);
  });
}
