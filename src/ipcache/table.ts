// SPDX-License-Identifier: Apache-2.0
// The table of the ipcache: the best entry of each prefix.
import { Table } from "../core/index.ts";
import type { IpcacheRow } from "./types.ts";

/** A table by prefix, with the index `identity`. */
export function createIpcacheTable(): Table<IpcacheRow, string> {
  return new Table<IpcacheRow, string>({
    name: "ipcache",
    key: (row) => row.prefix,
    indexes: { identity: (row) => row.identity },
  });
}
