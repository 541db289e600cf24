// SPDX-License-Identifier: Apache-2.0
// Runs the cases of masquerading: the same programs, loaded with it on.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EndpointConfigFlags } from "../../src/abi/index.ts";
import type { Case } from "./case.ts";
import { byStackCases, masqueradeCases, nativeMasqueradeCases } from "./masquerade.cases.ts";
import { masqueradeErrorCases } from "./masquerade-errors.cases.ts";
import { MasqueradeFuzz } from "./masquerade-fuzz.ts";
import { masqueradePairCases } from "./masquerade-pairs.cases.ts";
import { masqueradeTrackedCases } from "./masquerade-tracked.cases.ts";
import { runCase } from "./run.ts";
import { World } from "./world.ts";

const on = { enable_ipv4_masquerade: 1, enable_ipv6_masquerade: 1, enable_host_routing: 1 };

const all = [...masqueradeCases, ...masqueradeErrorCases, ...masqueradePairCases, ...masqueradeTrackedCases];

run("masquerading", on, all);
run("beside the host firewall", { ...on, enable_host_firewall: 1 }, all);
run("through the stack", { ...on, enable_host_routing: 0 }, byStackCases());
run("one pod through the stack", on, byStackCases(EndpointConfigFlags.ENDPOINT_BY_STACK));
run("native routing", { ...on, tunnel_ifindex: 0 }, nativeMasqueradeCases);

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

test("threats: 6,000 random packets keep their ports, flows and checksums apart", () => {
  using world = new World({ tunnelPort: 8472, variables: on });
  const fuzz = new MasqueradeFuzz(world, Number(process.env.FUZZ_SEED ?? 1));
  fuzz.run(6000);
  for (const what of [
    ...["leaves, port kept", "leaves, other port", "answers pod", "answers node", "error to pod", "error to node"],
    ...["broken, untouched", "broken, translated"],
  ]) {
    assert.ok((fuzz.tally.get(what) ?? 0) > 50, `${what}: ${JSON.stringify([...fuzz.tally])}`);
  }
});
