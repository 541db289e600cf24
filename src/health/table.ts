// SPDX-License-Identifier: Apache-2.0
// The table of probed addresses.
import { Table } from "../core/index.ts";
import { type HealthRow, healthKey } from "./types.ts";

/** A table by `cluster/node/kind/address`, with the index `node` (`cluster/name`). */
export function createHealthTable(): Table<HealthRow, string> {
  return new Table<HealthRow, string>({
    name: "health",
    key: healthKey,
    indexes: { node: (row) => [row.node] },
  });
}
