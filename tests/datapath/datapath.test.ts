// SPDX-License-Identifier: Apache-2.0
// Runs all packet cases on the real programs with real maps. The programs are verified once.
import { after, before, describe, test } from "node:test";
import { arpCases } from "./arp.cases.ts";
import type { Case } from "./case.ts";
import { chainedCases } from "./chained.cases.ts";
import { conntrackCases } from "./conntrack.cases.ts";
import { deliveryCases } from "./delivery.cases.ts";
import { extensionHeaderCases } from "./extension-headers.cases.ts";
import { fragmentCases } from "./fragments.cases.ts";
import { hostCases } from "./host.cases.ts";
import { icmpCases } from "./icmp.cases.ts";
import { identityCases } from "./identities.cases.ts";
import { ndpCases } from "./ndp.cases.ts";
import { observabilityCases } from "./observability.cases.ts";
import { overlayCases } from "./overlay.cases.ts";
import { ownEventCases } from "./own-events.cases.ts";
import { pickupCases } from "./pickup.cases.ts";
import { policyCases } from "./policy.cases.ts";
import { reopenedCases } from "./reopened.cases.ts";
import { runCase } from "./run.ts";
import { sourceCheckCases } from "./source-check.cases.ts";
import { World } from "./world.ts";

const features: Readonly<Record<string, readonly Case[]>> = {
  arp: arpCases,
  ndp: ndpCases,
  "source check": sourceCheckCases,
  conntrack: conntrackCases,
  "connections picked up in the middle": pickupCases,
  "connections that open again": reopenedCases,
  policy: policyCases,
  "identities on their way": identityCases,
  fragments: fragmentCases,
  "extension headers": extensionHeaderCases,
  icmp: icmpCases,
  delivery: deliveryCases,
  overlay: overlayCases,
  "devices of others": chainedCases,
  host: hostCases,
  observability: observabilityCases,
  "events of one endpoint": ownEventCases,
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
