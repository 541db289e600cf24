// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Cidr, FakeClock, formatCidr, makeLabel, parseCidr } from "../core/index.ts";
import { createIdentityTable, type IdentityRow, LocalIdentities } from "../identity/index.ts";
import { PolicyPrefixes, type PolicyPrefixState } from "./policy-prefixes.ts";
import { IpcacheStore } from "./store.ts";
import { createIpcacheTable } from "./table.ts";

const empty: PolicyPrefixState = { identities: { next: 0, identities: [] }, told: [] };

/** Everything around the prefixes, in memory; `steps` says in which order things happened. */
class World {
  readonly table = createIpcacheTable();
  readonly identities = createIdentityTable();
  readonly clock = new FakeClock(0);
  readonly steps: string[] = [];
  readonly #store = new IpcacheStore(this.table);
  #wanted: ReadonlyMap<string, Cidr> = new Map();
  podPrefixes: readonly string[] = [];
  settled = true;
  saved: PolicyPrefixState = empty;

  prefixes = this.start();

  start(): PolicyPrefixes {
    return new PolicyPrefixes(
      {
        identities: new LocalIdentities(this.identities),
        ipcache: {
          upsert: (owner, entry) => {
            this.steps.push(`ipcache + ${entry.prefix}`);
            this.#store.upsert(owner, entry);
          },
          remove: (owner, prefix) => {
            this.steps.push(`ipcache - ${prefix}`);
            this.#store.remove(owner, prefix);
          },
        },
        clock: this.clock,
        label: (cidr) => makeLabel("cidr", formatCidr(cidr).replaceAll(":", "-").replace("-/", "-0/")),
        wanted: () => this.#wanted,
        podPrefixes: () => this.podPrefixes,
        settled: () => this.settled,
        learn: (rows: readonly IdentityRow[]) =>
          this.steps.push(`policy + ${rows.map(({ labels }) => labels).join(" ")}`),
        save: (state) => {
          this.saved = JSON.parse(JSON.stringify(state));
        },
      },
      { families: [4, 6], graceMs: 1000 },
    );
  }

  want(...texts: readonly string[]): void {
    this.#wanted = new Map(texts.map((text) => [text, parseCidr(text)]));
    this.prefixes.changed();
  }

  identityOf(prefix: string): number | undefined {
    return this.table.get(prefix)?.identity;
  }
}

describe("prefixes of policies", () => {
  test("are known to policy before the ipcache has them, and leave the ipcache before policy forgets them", () => {
    const world = new World();
    world.prefixes.open();
    world.settled = false;
    world.want("10.0.0.0/8");
    assert.deepEqual(world.steps.splice(0), ["policy + cidr:10.0.0.0/8,reserved:world-ipv4"]);
    world.prefixes.advance();
    assert.deepEqual(world.steps, [], "endpoints wait to be regenerated");
    world.settled = true;
    world.prefixes.advance();
    assert.deepEqual(world.steps.splice(0), ["ipcache + 10.0.0.0/8"]);
    const id = world.identityOf("10.0.0.0/8") ?? 0;

    world.settled = false;
    world.want();
    assert.deepEqual(world.steps, []);
    world.settled = true;
    world.prefixes.advance();
    assert.deepEqual(world.steps.splice(0), ["ipcache - 10.0.0.0/8"]);
    assert.ok(world.identities.has(id), "packets on their way may have it");
    world.clock.advance(1000);
    world.prefixes.advance();
    assert.equal(world.identities.has(id), false);
  });

  test("that come back in time keep their identity", () => {
    const world = new World();
    world.prefixes.open();
    world.want("fd00::/8");
    const id = world.identityOf("fd00::/8");
    world.want();
    world.want("fd00::/8");
    world.clock.advance(5000);
    world.prefixes.advance();
    assert.equal(world.identityOf("fd00::/8"), id);
  });

  test("inside of pods' prefixes stay out of the ipcache, whatever node comes later", () => {
    const world = new World();
    world.podPrefixes = ["10.1.0.0/24"];
    world.prefixes.open();
    world.want("10.1.0.128/25", "10.1.0.0/16", "10.2.0.0/25");
    assert.deepEqual([...world.table.all()].map(({ prefix }) => prefix).sort(), ["10.1.0.0/16", "10.2.0.0/25"]);
    world.podPrefixes = ["10.1.0.0/24", "10.2.0.0/24"];
    world.prefixes.changed();
    assert.deepEqual(
      [...world.table.all()].map(({ prefix }) => prefix),
      ["10.1.0.0/16"],
    );
  });

  test("keep their numbers over a restart, and those that nobody wants go when endpoints follow policies again", () => {
    const world = new World();
    world.prefixes.open();
    world.want("10.0.0.0/8", "10.1.0.0/16");
    const before = ["10.0.0.0/8", "10.1.0.0/16"].map((prefix) => world.identityOf(prefix));

    const next = new World();
    next.prefixes.restore(world.saved);
    assert.deepEqual(
      ["10.0.0.0/8", "10.1.0.0/16"].map((prefix) => next.identityOf(prefix)),
      before,
    );
    next.want("10.0.0.0/8");
    assert.equal(next.identityOf("10.1.0.0/16"), before[1], "the kernel's policies still have it");
    next.prefixes.open();
    assert.equal(next.identityOf("10.1.0.0/16"), undefined);
    assert.equal(next.identityOf("10.0.0.0/8"), before[0]);
  });

  test("that policies of the kernel did not know yet are not restored into the ipcache", () => {
    const world = new World();
    world.prefixes.open();
    world.settled = false;
    world.want("10.0.0.0/8");
    const next = new World();
    next.prefixes.restore(world.saved);
    assert.equal(next.identityOf("10.0.0.0/8"), undefined);
  });
});
