// SPDX-License-Identifier: Apache-2.0
// Routes to pods behind a path that is narrower than expected get what passes there.
import type { Module, ReadonlyTable } from "../../src/core/index.ts";
import { isBlackHole, type PathMtuRow } from "../../src/health/index.ts";

export interface NarrowRoutesDeps {
  readonly paths: ReadonlyTable<PathMtuRow, string>;
  /** By `cluster/name`; replaces what was said before. */
  readonly narrow: (mtus: ReadonlyMap<string, number>) => void;
}

/**
 * Only routes of this node get smaller, and only as long as a measurement says so: what the host sends to pods then
 * arrives. Pods find out by themselves (`packetization-layer-pmtud-mode`): their routes serve all destinations.
 */
export function createNarrowRoutes({ paths, narrow }: NarrowRoutesDeps): Module {
  const mtus = new Map<string, number>();
  let watch: Disposable | undefined;
  return {
    name: "path-mtu-routes",
    async start() {
      watch = paths.onChange((batch) => {
        let changed = false;
        for (const node of new Set(batch.map(({ row }) => row.node))) {
          const mtu = narrowest(paths.by("node", node));
          if (mtu === mtus.get(node)) continue;
          changed = true;
          if (mtu === undefined) mtus.delete(node);
          else mtus.set(node, mtu);
        }
        if (changed) narrow(new Map(mtus));
      });
    },
    async stop() {
      watch?.[Symbol.dispose]();
    },
  };
}

/** Of a node's paths as pods go; undefined when all are as wide as expected. */
function narrowest(rows: Iterable<PathMtuRow>): number | undefined {
  const narrow = [...rows].filter((row) => row.kind === "endpoint" && isBlackHole(row));
  return narrow.length === 0 ? undefined : Math.min(...narrow.map((row) => row.measured ?? row.expected));
}
