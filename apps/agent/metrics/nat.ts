// SPDX-License-Identifier: Apache-2.0
// How near masquerading is to running out of ports.
import type { Metrics } from "../../../src/core/index.ts";
import type { NatUse } from "../nat-use.ts";

/** Registers it; it is read when somebody asks. */
export function registerNat(metrics: Metrics, natUse: Pick<NatUse, "top">): void {
  const told = new Set<4 | 6>();
  metrics.gauge({
    name: "nat_endpoint_max_connection",
    help: "Part of the ports that the destination with most masqueraded flows uses",
    labels: ["family"],
    collect(metric) {
      for (const family of [4, 6] as const) {
        const destinations = natUse.top(family);
        // What was before must not stay; a node that never masquerades has no series.
        if (destinations === undefined && !told.delete(family)) continue;
        if (destinations !== undefined) told.add(family);
        metric.set(destinations?.[0]?.share ?? 0, { family: `ipv${family}` });
      }
    },
  });
}
