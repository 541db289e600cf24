// SPDX-License-Identifier: Apache-2.0
// What the kernel's ipcache holds, and whether a change of it may change what some address means.
import { parseCidr } from "../core/index.ts";
import { shortened } from "./prefix-set.ts";

/** One entry as the kernel has it; what the datapath's map wrapper takes and gives. */
export interface IpcacheMapRow {
  readonly prefix: string;
  readonly clusterId?: number;
  readonly identity: number;
  readonly tunnelEndpoint?: string;
  readonly encryptKey: number;
  readonly skipTunnel: boolean;
  readonly remoteCluster: boolean;
}

/** What an entry says of its addresses. */
type Meaning = Omit<IpcacheMapRow, "prefix" | "clusterId">;

/** A copy of the kernel's entries. Pure. */
export class KernelView {
  readonly #rows = new Map<string, IpcacheMapRow>();
  /** How many prefixes there are of each length, by family: what to look for. */
  readonly #lengths = { 4: new Map<number, number>(), 6: new Map<number, number>() };

  constructor(rows: Iterable<IpcacheMapRow> = []) {
    for (const row of rows) this.set(row);
  }

  get(prefix: string): IpcacheMapRow | undefined {
    return this.#rows.get(prefix);
  }

  prefixes(): IterableIterator<string> {
    return this.#rows.keys();
  }

  set(row: IpcacheMapRow): void {
    if (!this.#rows.has(row.prefix)) this.#count(row.prefix, 1);
    this.#rows.set(row.prefix, row);
  }

  delete(prefix: string): void {
    if (this.#rows.delete(prefix)) this.#count(prefix, -1);
  }

  /** Whether the kernel has to be told of the row. */
  differs(row: IpcacheMapRow): boolean {
    const before = this.#rows.get(row.prefix);
    return before === undefined || !sameMeaning(before, row);
  }

  /** Whether setting the row (undefined: deleting it) may change what some address of the prefix meant. */
  changesMeaning(prefix: string, row: IpcacheMapRow | undefined): boolean {
    const before = this.#rows.get(prefix) ?? this.#covering(prefix);
    const after = row ?? this.#covering(prefix);
    if (before === undefined || after === undefined) return before !== after;
    return !sameMeaning(before, after);
  }

  /** The longest shorter prefix around this one. */
  #covering(prefix: string): IpcacheMapRow | undefined {
    const cidr = parseCidr(prefix);
    const lengths = [...this.#lengths[cidr.family].keys()].filter((bits) => bits < cidr.bits).sort((a, b) => b - a);
    for (const bits of lengths) {
      const row = this.#rows.get(shortened(cidr, bits));
      if (row !== undefined) return row;
    }
    return undefined;
  }

  #count(prefix: string, by: number): void {
    const lengths = this.#lengths[prefix.includes(":") ? 6 : 4];
    const bits = Number(prefix.slice(prefix.indexOf("/") + 1));
    const count = (lengths.get(bits) ?? 0) + by;
    if (count > 0) lengths.set(bits, count);
    else lengths.delete(bits);
  }
}

/** Whether the kernel holds the same for both. */
export function sameMeaning(a: Meaning, b: Meaning): boolean {
  return (
    a.identity === b.identity &&
    a.tunnelEndpoint === b.tunnelEndpoint &&
    a.encryptKey === b.encryptKey &&
    a.skipTunnel === b.skipTunnel &&
    a.remoteCluster === b.remoteCluster
  );
}
