// SPDX-License-Identifier: Apache-2.0
// The table of Kubernetes objects.
import { Table } from "../core/index.ts";
import type { ResourceRow } from "./types.ts";

/** Objects by id, with the index `kind`. */
export function createResourceTable(): Table<ResourceRow, string> {
  return new Table<ResourceRow, string>({
    name: "resources",
    key: (row) => row.id,
    indexes: { kind: (row) => row.kind },
  });
}
