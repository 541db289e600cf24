// SPDX-License-Identifier: Apache-2.0
// Runs the host firewall's packet cases: the same programs, loaded with it on.
import { after, before, test } from "node:test";
import { hostFirewallCases } from "./host-firewall.cases.ts";
import { runCase } from "./run.ts";
import { World } from "./world.ts";

let world: World;
before(() => {
  world = new World({ tunnelPort: 8472, variables: { enable_host_firewall: 1 } });
});
after(() => world[Symbol.dispose]());

for (const each of hostFirewallCases) test(each.name, () => runCase(world, each));
