// SPDX-License-Identifier: Apache-2.0
// 20,000 random packets: the programs do what the model says. `npm run bench -- fuzz` sends a million.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type EndpointChange, type Pod, type PolicyRow, World } from "../world.ts";
import { fuzz } from "./fuzz.ts";

const SEED = Number(process.env.FUZZ_SEED ?? 1);
let world: World;
before(() => {
  world = new World();
});
after(() => world[Symbol.dispose]());

test("threats: 20,000 random packets of hostile pods and nodes meet the verdict of the model", () => {
  const tally = fuzz(world, { seed: SEED, packets: Number(process.env.FUZZ_PACKETS ?? 20_000) });
  // The packets reach what they are for: each way is taken often.
  for (const way of [
    "from-pod dropped",
    "from-pod pod",
    "from-pod stack",
    "from-pod tunnel",
    "from-overlay pod",
    "from-host pod",
  ]) {
    assert.ok((tally.get(way) ?? 0) > 100, `${way}: ${tally.get(way)} of ${JSON.stringify([...tally])}`);
  }
});

/** Worlds with a fault that lets something through, or holds something back. */
class WithoutDenies extends World {
  override policy(row: PolicyRow): void {
    super.policy({ ...row, deny: false });
  }
}

class WithoutRevisions extends World {
  override endpoint(pod: Pod, change: EndpointChange = {}): void {
    super.endpoint(pod, { ...change, policyRevision: 1 });
  }
}

class WithoutIngress extends World {
  override endpoint(pod: Pod, change: EndpointChange = {}): void {
    super.endpoint(pod, { ...change, flags: (change.flags ?? 0) & ~1 });
  }
}

for (const Faulty of [WithoutDenies, WithoutRevisions, WithoutIngress]) {
  test(`a datapath ${Faulty.name} is found out, with seed and packet`, () => {
    using faulty = new Faulty();
    assert.throws(
      () => fuzz(faulty, { seed: SEED, packets: 2000 }),
      (error: Error) => {
        assert.match(error.message, /^Programs and model differ: .*/);
        assert.match(error.message, /^seed \d+, shortened to \d+ steps:$/m);
        assert.match(error.message, /^packet .* [0-9a-f]{60,}$/m);
        const steps = Number(/shortened to (\d+)/.exec(error.message)?.[1]);
        assert.ok(steps <= 6, error.message);
        return true;
      },
    );
  });
}
