// SPDX-License-Identifier: Apache-2.0
// Runs the cases of masquerading with a handful of ports.
import { after, before, test } from "node:test";
import { exhaustionCases } from "./masquerade.cases.ts";
import { runCase } from "./run.ts";
import { World } from "./world.ts";

let world: World;
before(() => {
  const ports = { nat_port_min: 40_000, nat_port_max: 40_003 };
  world = new World({ variables: { enable_ipv4_masquerade: 1, enable_ipv6_masquerade: 1, ...ports } });
});
after(() => world[Symbol.dispose]());

for (const each of exhaustionCases) test(each.name, () => runCase(world, each));
