// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock, Labels, makeLabel } from "../core/index.ts";
import { createIdentityTable, type IdentityRow, LocalIdentities } from "../identity/index.ts";
import { AddressIdentities, type AddressIdentityState } from "./address-identities.ts";

const empty: AddressIdentityState = { identities: { next: 0, identities: [] }, told: [] };

/** Everything around the addresses, in memory; `steps` says in which order things happened. */
class World {
  readonly identities = createIdentityTable();
  readonly clock = new FakeClock(0);
  readonly steps: string[] = [];
  readonly #told = new Map<string, number>();
  #wanted: ReadonlyMap<string, Labels> = new Map();
  settled = true;
  saved: AddressIdentityState = empty;

  prefixes = this.start();

  start(): AddressIdentities {
    return new AddressIdentities(
      {
        identities: new LocalIdentities(this.identities),
        clock: this.clock,
        wanted: () => this.#wanted,
        settled: () => this.settled,
        learn: (rows: readonly IdentityRow[]) =>
          this.steps.push(`policy + ${rows.map(({ labels }) => labels).join(" ")}`),
        tell: (prefix, identity) => {
          this.steps.push(`address ${identity === undefined ? "-" : "+"} ${prefix}`);
          if (identity === undefined) this.#told.delete(prefix);
          else this.#told.set(prefix, identity);
        },
        save: (state) => {
          this.saved = JSON.parse(JSON.stringify(state));
        },
      },
      { name: "test", graceMs: 1000 },
    );
  }

  /** Labels by prefix; a prefix alone stands for itself. */
  want(...wanted: readonly (string | readonly [string, string])[]): void {
    const pairs = wanted.map((item) => (typeof item === "string" ? ([item, item] as const) : item));
    this.#wanted = new Map(
      pairs.map(([prefix, key]) => [prefix, Labels.of([makeLabel("cidr", key.replaceAll(":", "-"))])]),
    );
    this.prefixes.changed();
  }

  identityOf(prefix: string): number | undefined {
    return this.#told.get(prefix);
  }
}

describe("identities of addresses", () => {
  test("are known to policy before any packet has them, and leave packets before policy forgets them", () => {
    const world = new World();
    world.prefixes.open();
    world.settled = false;
    world.want("10.0.0.0/8");
    assert.deepEqual(world.steps.splice(0), ["policy + cidr:10.0.0.0/8"]);
    world.prefixes.advance();
    assert.deepEqual(world.steps, [], "endpoints wait to be regenerated");
    world.settled = true;
    world.prefixes.advance();
    assert.deepEqual(world.steps.splice(0), ["address + 10.0.0.0/8"]);
    const id = world.identityOf("10.0.0.0/8") ?? 0;

    world.settled = false;
    world.want();
    assert.deepEqual(world.steps, []);
    world.settled = true;
    world.prefixes.advance();
    assert.deepEqual(world.steps.splice(0), ["address - 10.0.0.0/8"]);
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

  test("that change their meaning get the new identity when policy knows it, and policy keeps the old one a while", () => {
    const world = new World();
    world.prefixes.open();
    world.want(["10.0.0.1/32", "a"], ["10.0.0.2/32", "a"]);
    const old = world.identityOf("10.0.0.1/32") ?? 0;
    assert.equal(world.identityOf("10.0.0.2/32"), old);
    world.settled = false;
    world.want(["10.0.0.1/32", "b"], ["10.0.0.2/32", "a"]);
    assert.equal(world.identityOf("10.0.0.1/32"), old);
    world.settled = true;
    world.prefixes.advance();
    assert.notEqual(world.identityOf("10.0.0.1/32"), old);
    world.want(["10.0.0.1/32", "b"], ["10.0.0.2/32", "b"]);
    assert.equal(world.identityOf("10.0.0.2/32"), world.identityOf("10.0.0.1/32"));
    assert.ok(world.identities.has(old));
    world.clock.advance(1000);
    world.prefixes.advance();
    assert.equal(world.identities.has(old), false);
  });

  test("do not ask whether endpoints are settled when there is nothing to do", () => {
    const world = new World();
    world.prefixes.open();
    world.want("10.0.0.0/8");
    Object.defineProperty(world, "settled", { get: () => assert.fail("asked") });
    world.prefixes.advance();
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
