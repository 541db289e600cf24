// SPDX-License-Identifier: Apache-2.0
// The table of nodes.
import { Table } from "../core/index.ts";
import { type NodeRow, nodeKey } from "./types.ts";

/** A table by `cluster/name`, with the index `ip` (all addresses of a node). */
export function createNodeTable(): Table<NodeRow, string> {
  return new Table<NodeRow, string>({
    name: "nodes",
    key: nodeKey,
    indexes: { ip: (row) => row.addresses.map(({ ip }) => ip) },
  });
}
