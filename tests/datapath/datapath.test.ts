// SPDX-License-Identifier: Apache-2.0
// Runs all packet cases on the real programs with real maps. The programs are verified once.
import { after, before, describe, test } from "node:test";
import { arpCases } from "./arp.cases.ts";
import type { Case } from "./case.ts";
import { ndpCases } from "./ndp.cases.ts";
import { runCase } from "./run.ts";
import { World } from "./world.ts";

const features: Readonly<Record<string, readonly Case[]>> = {
  arp: arpCases,
  ndp: ndpCases,
};

let world: World;
before(() => {
  world = new World();
});
after(() => world[Symbol.dispose]());

for (const [feature, cases] of Object.entries(features)) {
  describe(feature, () => {
    for (const each of cases) test(each.name, () => runCase(world, each));
  });
}
