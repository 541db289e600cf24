// SPDX-License-Identifier: Apache-2.0
// The calls about maps: which there are, what is to be in them, and how that changed.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { AgentApi, BPFMap, MapEvent } from "../../../src/api/index.ts";
import type { Batch, Module } from "../../../src/core/index.ts";
import { entryState, type MapCache } from "./map-caches.ts";
import { Recent } from "./recent.ts";

/** Changes of each map that are kept. */
const keptEvents = 1024;

interface KeptChange {
  readonly time: number;
  readonly change: Batch<object>[number];
}

export interface MapsApiDeps {
  readonly caches: readonly MapCache[];
  /** Folder of the pins. */
  readonly pins: string;
  readonly now: () => number;
}

type MapCalls = Pick<AgentApi, "mapList" | "map" | "mapEvents">;

/** The calls, and the module that follows the tables for them. Rows are kept as they are and told as text when asked. */
export function createMapsApi(deps: MapsApiDeps): { readonly calls: MapCalls; readonly module: Module } {
  const recent = new Map(deps.caches.map((cache) => [cache.map, new Recent<KeptChange>(keptEvents)]));
  const cacheOf = (name: string) => deps.caches.find(({ map }) => map === name);
  const modelOf = (name: string): BPFMap => {
    const cache = cacheOf(name);
    return { path: join(deps.pins, name), ...(cache === undefined ? {} : { cache: entriesOf(cache) }) };
  };
  const names = () => [...new Set([...pinnedMaps(deps.pins), ...recent.keys()])].sort();
  const watches: Disposable[] = [];
  return {
    calls: {
      mapList: () => ({ maps: names().map(modelOf) }),
      map: (name) => (names().includes(name) ? modelOf(name) : undefined),
      mapEvents(name, options) {
        const [cache, changes] = [cacheOf(name), recent.get(name)];
        return cache && changes && eventsOf(cache, changes.read(options));
      },
    },
    module: {
      name: "map-events",
      async start() {
        for (const { map, table } of deps.caches) {
          const listener = (batch: Batch<object>) => {
            const time = deps.now();
            for (const change of batch) recent.get(map)?.push({ time, change });
          };
          watches.push(table.onChange(listener));
        }
      },
      async stop() {
        for (const watch of watches.splice(0)) watch[Symbol.dispose]();
      },
    },
  };
}

/** Names of the maps that are pinned; what a migration keeps beside a map is no map of its own. */
function pinnedMaps(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).filter((name) => /^cilium_\w+$/.test(name)) : [];
}

function entriesOf({ table, entries, status }: MapCache): NonNullable<BPFMap["cache"]> {
  return [...table.all()].flatMap((row) => entries(row).map((entry) => ({ ...entry, ...entryState(status(row)) })));
}

async function* eventsOf(cache: MapCache, changes: AsyncIterable<KeptChange>): AsyncGenerator<MapEvent, void, void> {
  for await (const { time, change } of changes) {
    const timestamp = new Date(time).toISOString();
    for (const entry of cache.entries(change.row)) {
      if (change.kind === "delete") yield { timestamp, action: "delete", key: entry.key };
      else yield { timestamp, action: "update", ...entry, ...entryState(cache.status(change.row)) };
    }
  }
}
