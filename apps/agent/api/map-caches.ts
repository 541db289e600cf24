// SPDX-License-Identifier: Apache-2.0
// What the agent wants to be in maps, row by row, as text.
import type { BPFMapEntry } from "../../../src/api/index.ts";
import type { ReadonlyTable, Status, TableKey } from "../../../src/core/index.ts";
import { endpointInfoText, ipcacheInfoText } from "../../../src/datapath/index.ts";
import { type EndpointRow, endpointAddresses } from "../../../src/endpoint/index.ts";
import type { IpcacheRow, NodeAddressRow } from "../../../src/ipcache/index.ts";

/** A map that a table is reconciled into. */
export interface MapCache<Row extends object = object> {
  readonly map: string;
  readonly table: ReadonlyTable<Row, TableKey>;
  /** The entries of a row; none when it is not to be in the map. */
  readonly entries: (row: Row) => readonly Pick<BPFMapEntry, "key" | "value">[];
  readonly status: (row: Row) => Status;
}

export interface MapCacheTables {
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly ipcache: ReadonlyTable<IpcacheRow, string>;
  readonly nodeAddresses: ReadonlyTable<NodeAddressRow, string>;
}

/** One line a map; a map that is not here is written by programs, or by nobody but its own keeper. */
export function mapCaches({ endpoints, ipcache, nodeAddresses }: MapCacheTables): readonly MapCache[] {
  return [
    cacheOf("cilium_lxc", endpoints, endpointEntries),
    cacheOf("cilium_ipcache_v2", ipcache, (row) => [{ key: row.prefix, value: ipcacheInfoText(row) }]),
    cacheOf("cilium_node_map_v2", nodeAddresses, (row) => [
      { key: row.address, value: `nodeid=0x${row.nodeId.toString(16)} spi=${row.spi}` },
    ]),
  ];
}

/** An entry with what is still to be done for it. */
export function entryState(status: Status): Pick<BPFMapEntry, "desired-action" | "last-error"> {
  return {
    "desired-action": status.kind === "done" ? "ok" : "insert",
    ...(status.kind === "error" ? { "last-error": status.error } : {}),
  };
}

function cacheOf<Row extends { readonly status: Status }, Key extends TableKey>(
  map: string,
  table: ReadonlyTable<Row, Key>,
  entries: MapCache<Row>["entries"],
): MapCache {
  const cache: MapCache<Row> = {
    map,
    table: table as unknown as ReadonlyTable<Row, TableKey>,
    entries,
    status: (row) => row.status,
  };
  return cache as unknown as MapCache;
}

function endpointEntries(row: EndpointRow): readonly Pick<BPFMapEntry, "key" | "value">[] {
  const value = endpointInfoText({ ...row, identity: row.identity ?? 0, parentIfindex: row.traits?.parentIfindex });
  return endpointAddresses(row).map((address) => ({ key: `${address}:0`, value }));
}
