// SPDX-License-Identifier: Apache-2.0
// Work on several endpoints, of which one that fails does not keep the others back.
import { toError, writeEach } from "../core/index.ts";
import type { EndpointRow } from "./types.ts";

/** What each gives; those that throw are `failed`. */
export function eachOf<In extends EndpointRow | { readonly row: EndpointRow }, Out>(
  items: readonly In[],
  failed: Map<number, Error>,
  action: (item: In) => Out,
): Out[] {
  return items.flatMap((item) => {
    try {
      return [action(item)];
    } catch (thrown) {
      failed.set("row" in item ? item.row.id : item.id, toError(thrown));
      return [];
    }
  });
}

/** Writes everything at once, or else each by itself. Returns what was written; the rest is `failed`. */
export function writeRows<T extends { readonly row: EndpointRow }>(
  items: readonly T[],
  failed: Map<number, Error>,
  write: (some: readonly T[]) => void,
): T[] {
  const now = writeEach(items, ({ row }) => row.id, write);
  for (const [id, error] of now) failed.set(id, error);
  return items.filter(({ row }) => !now.has(row.id));
}
