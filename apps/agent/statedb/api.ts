// SPDX-License-Identifier: Apache-2.0
// The calls about the agent's tables.
import { ApiError, type StatedbApi, type StatedbChange } from "../../../src/api/index.ts";
import { keyIndex, keyOrder } from "./served.ts";
import type { ServedRow, ServedTable } from "./types.ts";

export function createStatedbApi(tables: readonly ServedTable[]): StatedbApi {
  const byName = new Map(tables.map((table) => [table.name, table]));
  return {
    tables: () =>
      tables.map(({ name, size, revision, indexes, columns, initializers }) => ({
        ...{ name, objects: size, revision, indexes, columns, initializers },
      })),
    rows: (name) =>
      byName
        .get(name)
        ?.rows()
        .map(({ row }) => row),
    query({ table: name, index, key, match = "exact" }) {
      const table = byName.get(name);
      if (table === undefined) return undefined;
      const asked = index === undefined || index === "" ? table.indexes[0] : index;
      const column = table.indexes.find((each) => each.toLowerCase() === asked?.toLowerCase());
      if (column === undefined) {
        throw new ApiError(
          400,
          `Cannot query table "${name}": no index "${asked}" (there are ${table.indexes.join(", ")})`,
        );
      }
      const wanted = matcher(match, key);
      const indexed = ({ key: rowKey, row }: ServedRow) => (column === keyIndex ? rowKey : row[column]);
      return table.rows().flatMap((each) => (valuesOf(indexed(each)).some(wanted) ? [each.row] : []));
    },
    changes: (name, signal) => {
      const table = byName.get(name);
      return table && changesOf(table, signal);
    },
  };
}

async function* changesOf(table: ServedTable, signal: AbortSignal): AsyncGenerator<StatedbChange, void, void> {
  let init = true;
  for await (const batch of table.changes(signal)) {
    const rev = table.revision;
    for (const [place, { key, row: obj, gone }] of batch.entries()) {
      const last = init && place === batch.length - 1 ? { init: true } : {};
      yield { rev, key, obj, ...(gone ? { deleted: true } : last) };
    }
    // In an empty table the first row that comes is marked: what is there is known with it.
    if (batch.length > 0) init = false;
  }
}

/** A list has each of its items as a value. */
function valuesOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

function matcher(match: "exact" | "prefix" | "lowerbound", key: string): (value: string) => boolean {
  if (match === "exact") return (value) => value === key;
  if (match === "prefix") return (value) => value.startsWith(key);
  return (value) => keyOrder(value, key) >= 0;
}
