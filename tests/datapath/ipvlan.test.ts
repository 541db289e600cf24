// SPDX-License-Identifier: Apache-2.0
// Runs the cases of ipvlan pods: the same programs, loaded for a node that has some. Needs no kernel with ipvlan.
import { after, before, test } from "node:test";
import { ipvlanCases, ipvlanVariables } from "./ipvlan.cases.ts";
import { runCase } from "./run.ts";
import { World } from "./world.ts";

let world: World;
before(() => {
  world = new World({ variables: ipvlanVariables });
});
after(() => world[Symbol.dispose]());

for (const each of ipvlanCases) test(each.name, () => runCase(world, each));
