// SPDX-License-Identifier: Apache-2.0
// Everything that is said about prefixes, and the best of it as rows. Pure but for the table that it writes.
import { pendingStatus, type Table } from "../core/index.ts";
import { sameMeaning } from "./kernel-view.ts";
import { type IpcacheEntry, type IpcacheRow, ipcacheSources } from "./types.ts";

/** One who says something: the same owner replaces what it said before. */
interface Claim {
  readonly owner: string;
  readonly entry: IpcacheEntry;
  /** Later claims of the same source win. */
  readonly order: number;
}

/** Ranks claims and keeps the table to the best ones. Owners are free words, such as `node:default/node2`. */
export class IpcacheStore {
  readonly #table: Table<IpcacheRow, string>;
  readonly #claims = new Map<string, Claim[]>();
  readonly #prefixes = new Map<string, Set<string>>();
  #order = 0;

  constructor(table: Table<IpcacheRow, string>) {
    this.#table = table;
  }

  /** Says something about a prefix; saying it again changes nothing. */
  upsert(owner: string, entry: IpcacheEntry): void {
    const claims = this.#claims.get(entry.prefix) ?? [];
    const before = claims.find((claim) => claim.owner === owner);
    if (before !== undefined && sameEntry(before.entry, entry)) return;
    const others = claims.filter((claim) => claim.owner !== owner);
    this.#claims.set(entry.prefix, [...others, { owner, entry, order: this.#order++ }]);
    const owned = this.#prefixes.get(owner) ?? new Set();
    this.#prefixes.set(owner, owned.add(entry.prefix));
    this.#choose(entry.prefix);
  }

  /** Takes back what the owner said about a prefix; no error when it said nothing. */
  remove(owner: string, prefix: string): void {
    const owned = this.#prefixes.get(owner);
    if (owned?.delete(prefix) !== true) return;
    if (owned.size === 0) this.#prefixes.delete(owner);
    const left = (this.#claims.get(prefix) ?? []).filter((claim) => claim.owner !== owner);
    if (left.length === 0) this.#claims.delete(prefix);
    else this.#claims.set(prefix, left);
    this.#choose(prefix);
  }

  /** Makes these entries all that the owner says. Of two for one prefix the later one counts. */
  replace(owner: string, entries: readonly IpcacheEntry[]): void {
    const wanted = new Map(entries.map((entry) => [entry.prefix, entry]));
    for (const entry of wanted.values()) this.upsert(owner, entry);
    for (const prefix of [...(this.#prefixes.get(owner) ?? [])]) if (!wanted.has(prefix)) this.remove(owner, prefix);
  }

  /** All that is said about a prefix, best first. */
  claims(prefix: string): readonly IpcacheEntry[] {
    return [...(this.#claims.get(prefix) ?? [])].sort(byRank).map(({ entry }) => entry);
  }

  #choose(prefix: string): void {
    const best = [...(this.#claims.get(prefix) ?? [])].sort(byRank)[0]?.entry;
    const row = this.#table.get(prefix);
    if (best === undefined) this.#table.delete(prefix);
    else if (row === undefined || !sameEntry(row, best)) {
      // What the kernel does not hold needs no new round to it.
      const status = row !== undefined && sameMeaning(row, best) ? row.status : pendingStatus();
      this.#table.upsert({ ...best, status });
    }
  }
}

function sameEntry(a: IpcacheEntry, b: IpcacheEntry): boolean {
  return (
    sameMeaning(a, b) &&
    a.source === b.source &&
    a.hostIp === b.hostIp &&
    a.metadata?.namespace === b.metadata?.namespace &&
    a.metadata?.name === b.metadata?.name &&
    JSON.stringify(a.namedPorts) === JSON.stringify(b.namedPorts)
  );
}

function byRank(a: Claim, b: Claim): number {
  return ipcacheSources.indexOf(a.entry.source) - ipcacheSources.indexOf(b.entry.source) || b.order - a.order;
}
