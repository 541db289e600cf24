// SPDX-License-Identifier: Apache-2.0
// What comes of each fault. In every one, traffic that is there goes on.
import { after, before, describe, test } from "node:test";
import { kernelFaults } from "./kernel.faults.ts";
import { kvstoreFaults } from "./kvstore.faults.ts";
import { spaceFaults } from "./space.faults.ts";
import { stateFaults } from "./state.faults.ts";
import { type Fault, World } from "./world.ts";

const groups: Readonly<Record<string, readonly Fault[]>> = {
  etcd: kvstoreFaults,
  "state folder": stateFaults,
  kernel: kernelFaults,
  space: spaceFaults,
};

let world: World;
before(async () => {
  world = await World.create();
});
after(async () => await world?.delete());

for (const [group, faults] of Object.entries(groups)) {
  describe(group, () => {
    for (const { name, run } of faults) {
      test(name, { timeout: 300_000 }, async () => {
        await world.recover();
        await run(world);
      });
    }
  });
}
