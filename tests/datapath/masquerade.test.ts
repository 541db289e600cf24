// SPDX-License-Identifier: Apache-2.0
// Runs the cases of masquerading: the same programs, loaded with it on; and with a handful of ports.
import { after, before, describe, test } from "node:test";
import type { Case } from "./case.ts";
import { exhaustionCases, masqueradeCases } from "./masquerade.cases.ts";
import { masqueradeErrorCases } from "./masquerade-errors.cases.ts";
import { masqueradePairCases } from "./masquerade-pairs.cases.ts";
import { runCase } from "./run.ts";
import { World } from "./world.ts";

const on = { enable_ipv4_masquerade: 1, enable_ipv6_masquerade: 1 };

const all = [...masqueradeCases, ...masqueradeErrorCases, ...masqueradePairCases];

run("masquerading", on, all);
run("ports run out", { ...on, nat_port_min: 40_000, nat_port_max: 40_003 }, exhaustionCases);
run("beside the host firewall", { ...on, enable_host_firewall: 1 }, all);

function run(name: string, variables: Record<string, number>, cases: readonly Case[]): void {
  describe(name, () => {
    let world: World;
    before(() => {
      world = new World({ tunnelPort: 8472, variables });
    });
    after(() => world[Symbol.dispose]());
    for (const each of cases) test(each.name, () => runCase(world, each));
  });
}
