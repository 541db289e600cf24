// SPDX-License-Identifier: Apache-2.0
// How near masquerading is to running out of ports.
import type { Metrics } from "../../../src/core/index.ts";
import { type Datapath, natStats } from "../../../src/datapath/index.ts";
import { ktimeNs } from "../../../src/kernel/index.ts";

/** Reading a full table takes a second. Milliseconds. */
const HOLDS = 30_000;

/** Registers it; it is read when somebody asks, not more than every 30 s. */
export function registerNat(metrics: Metrics, datapath: Pick<Datapath, "maps" | "masquerading">): void {
  const read = new Map<4 | 6, { readonly at: number; readonly share: number }>();
  metrics.gauge({
    name: "nat_endpoint_max_connection",
    help: "Part of the ports that the destination with most masqueraded flows uses",
    labels: ["family"],
    collect(metric) {
      const masquerades = datapath.masquerading().devices.length > 0;
      for (const family of [4, 6] as const) {
        if (!masquerades) {
          // What was before must not stay; a node that never masquerades has no series.
          if (read.delete(family)) metric.set(0, { family: `ipv${family}` });
          continue;
        }
        const now = performance.now();
        const before = read.get(family);
        const fresh = before !== undefined && now - before.at < HOLDS;
        const share = fresh ? before.share : largestShare(datapath, family);
        if (!fresh) read.set(family, { at: now, share });
        metric.set(share, { family: `ipv${family}` });
      }
    },
  });
}

function largestShare({ maps }: Pick<Datapath, "maps">, family: 4 | 6): number {
  const seconds = Number(ktimeNs() / 1_000_000_000n);
  return natStats(maps.nat.list(family), seconds, 1).destinations[0]?.share ?? 0;
}
