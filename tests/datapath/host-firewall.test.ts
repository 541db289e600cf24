// SPDX-License-Identifier: Apache-2.0
// Runs the host firewall's packet cases: the same programs, loaded with it on.
import { after, before, describe, test } from "node:test";
import type { Case } from "./case.ts";
import { hostFirewallCases } from "./host-firewall.cases.ts";
import { hostToPodCases } from "./host-to-pod.cases.ts";
import { runCase } from "./run.ts";
import { World } from "./world.ts";

run("host firewall", {}, hostFirewallCases);
run("with endpoint routes", { enable_endpoint_routes: 1 }, [...hostFirewallCases, ...hostToPodCases]);

function run(name: string, variables: Record<string, number>, cases: readonly Case[]): void {
  describe(name, () => {
    let world: World;
    before(() => {
      world = new World({ tunnelPort: 8472, variables: { enable_host_firewall: 1, ...variables } });
    });
    after(() => world[Symbol.dispose]());
    for (const each of cases) test(each.name, () => runCase(world, each));
  });
}
