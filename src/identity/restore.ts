// SPDX-License-Identifier: Apache-2.0
// Identities of an earlier run, for stores that end with the process.
import type { Labels, ReadonlyTable } from "../core/index.ts";
import type { Kvstore } from "../kvstore/index.ts";
import { masterKey, parseMaster } from "./kvstore-keys.ts";
import { clusterIdentityRange, type IdentityRow } from "./types.ts";

/** A number and what it stood for. */
export interface KnownIdentity {
  readonly id: number;
  readonly labels: Labels;
}

/**
 * Puts identities back into a store under their numbers, and waits until they are in the allocator's table. What the
 * kernel still holds by these numbers then means what it meant. Reserved ones, and numbers or labels that are there
 * already, are left alone.
 */
export async function restoreIdentities(
  kvstore: Pick<Kvstore, "createOnly">,
  table: ReadonlyTable<IdentityRow, number>,
  identities: Iterable<KnownIdentity>,
): Promise<void> {
  const wanted = new Set<number>();
  for (const { id, labels } of identities) {
    const value = labels.canonical;
    if (typeof parseMaster(id, value, 0n, clusterIdentityRange) === "string") continue;
    if (table.has(id) || table.by("labels", value).length > 0) continue;
    if (await kvstore.createOnly(masterKey(id), value)) wanted.add(id);
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  const check = () => {
    if ([...wanted].every((id) => table.has(id))) resolve();
  };
  using _watch = table.onChange(check);
  check();
  await promise;
}
