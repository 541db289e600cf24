// SPDX-License-Identifier: Apache-2.0
// The table of identities known to this node.
import { Table } from "../core/index.ts";
import { reservedIdentityRows } from "./reserved.ts";
import type { IdentityRow } from "./types.ts";

/** A table by number, with the index `labels` (canonical string). The reserved identities are in it. */
export function createIdentityTable(): Table<IdentityRow, number> {
  const table = new Table<IdentityRow, number>({
    name: "identities",
    key: (row) => row.id,
    indexes: { labels: (row) => row.labels.canonical },
  });
  table.upsertMany(reservedIdentityRows());
  return table;
}
