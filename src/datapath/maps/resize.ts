// SPDX-License-Identifier: Apache-2.0
// Gives pinned maps another size while programs use them: a new map is filled, takes the pin, and gets what came late.
import { existsSync, readdirSync, renameSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { abiLayout, CtFlags } from "../../abi/index.ts";
import { BpfMap, SyscallError } from "../../kernel/index.ts";
import { isZero } from "./codec.ts";
import { mapNames } from "./names.ts";

/** A map that keeps its size, since what it holds would not fit. */
export interface KeptSize {
  readonly name: string;
  readonly reason: string;
}

interface Resize {
  readonly old: BpfMap;
  readonly fresh: BpfMap;
}

/** How full an LRU map may get by the copy: one that is nearly full evicts entries, of living connections too. */
const LRU_FILL = 0.8;
const COPY_BATCH = 4096;

// A bpffs takes no names with dots.
const next = (name: string) => `${name}-next`;
const previous = (name: string, id: number) => `${name}-previous-${id}`;
const previousName = /^(cilium_\w+)-previous-\d+$/;

/**
 * The order: `choose()` fills new maps while programs are loaded for them, `commit()` gives them the pins, then the
 * caller puts the programs in place, `settle()` copies what the old programs wrote meanwhile. The old map has a pin of
 * its own until then, so that whoever is killed in the middle loses nothing: the next run settles.
 */
export class MapResizes implements Disposable {
  readonly #root: string;
  readonly #resizes = new Map<string, Resize>();
  readonly #kept = new Map<string, KeptSize>();

  /** `root`: folder of the pinned maps. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Maps that keep their size. */
  get kept(): readonly KeptSize[] {
    return [...this.#kept.values()];
  }

  /** The map to use in place of a pinned one that has another size. Owned by this object, or the pinned one itself. */
  choose(name: string, pinned: BpfMap, wanted: number): BpfMap {
    const chosen = this.#resizes.get(name);
    if (chosen !== undefined) return chosen.fresh;
    if (this.#kept.has(name)) return pinned;
    const { type, keySize, valueSize, flags } = pinned;
    const fresh = BpfMap.create({ type, keySize, valueSize, flags, maxEntries: wanted, name });
    const reason = fill(pinned, fresh);
    if (reason !== undefined) {
      fresh.close();
      this.#kept.set(name, { name, reason: `keeps ${pinned.maxEntries} entries instead of ${wanted}: ${reason}` });
      return pinned;
    }
    this.#resizes.set(name, { old: pinned.dup(), fresh });
    return fresh;
  }

  /** Once more, right before the switch: the less is written behind it, the better. Then the new maps take the pins. */
  commit(): void {
    for (const [name, { old, fresh }] of this.#resizes) {
      copyLate(old, fresh);
      const aside = join(this.#root, previous(name, old.id));
      if (!existsSync(aside)) old.pin(aside);
      const temporary = join(this.#root, next(name));
      rmPin(temporary);
      fresh.pin(temporary);
      renameSync(temporary, join(this.#root, name));
    }
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const { old, fresh } of this.#resizes.values()) {
      old.close();
      fresh.close();
    }
    this.#resizes.clear();
  }
}

/**
 * Copies what programs still wrote to maps that were replaced, by this run or one that was killed. `end` lets go of
 * them: call it so when no program uses them any more. Returns how many there were.
 */
export function settleReplaced(root: string, { end }: { readonly end: boolean }): number {
  if (!existsSync(root)) return 0;
  let found = 0;
  for (const file of readdirSync(root)) {
    const name = previousName.exec(file)?.[1];
    if (name === undefined) continue;
    found++;
    if (existsSync(join(root, name))) {
      using old = BpfMap.openPinned(join(root, file));
      using current = BpfMap.openPinned(join(root, name));
      copyLate(old, current);
    }
    if (end) rmPin(join(root, file));
  }
  return found;
}

/** Why it does not fit, or undefined. */
function fill(from: BpfMap, to: BpfMap): string | undefined {
  if (from.type === "ringbuf" || from.type === "prog_array") return undefined;
  if (from.type === "array") {
    const beyond = entriesOf(from).findLast(([key]) => index(key) >= to.maxEntries);
    if (beyond !== undefined) return `its entry ${index(beyond[0])} is in use`;
  }
  const entries = entriesOf(from);
  const room = from.type === "lru_hash" ? Math.floor(to.maxEntries * LRU_FILL) : to.maxEntries;
  if (from.type !== "array" && entries.length > room) return `it holds ${entries.length}`;
  write(to, entries);
  return undefined;
}

/** Entries that are missing, and flows that were denied for want of their entry. What is newer stays. */
function copyLate(from: BpfMap, to: BpfMap): void {
  // Only programs write between the two copies, and they write to these.
  if (from.type !== "lru_hash") return;
  for (const [key, value] of entriesOf(from)) {
    const there = to.lookup(key);
    if (there === undefined || (isDenied(to.name, there) && !isDenied(from.name, value))) write(to, [[key, value]]);
  }
}

const conntrackNames: readonly string[] = [mapNames.ct4Tcp, mapNames.ct4Any, mapNames.ct6Tcp, mapNames.ct6Any];
const flagsOffset = abiLayout["ct_entry"]?.members["flags"]?.[0] ?? 0;

function isDenied(name: string, value: Uint8Array): boolean {
  if (!conntrackNames.some((known) => name.startsWith(known))) return false;
  const flags = new DataView(value.buffer, value.byteOffset).getUint16(flagsOffset, true);
  return (flags & CtFlags.CT_F_DENIED) !== 0;
}

function entriesOf(map: BpfMap): [Uint8Array, Uint8Array][] {
  const entries = [...map.entries({ batchSize: COPY_BATCH })];
  return map.type === "array" ? entries.filter(([, value]) => !isZero(value)) : entries;
}

function write(map: BpfMap, entries: readonly (readonly [Uint8Array, Uint8Array])[]): void {
  for (let start = 0; start < entries.length; start += COPY_BATCH) {
    const batch = entries.slice(start, start + COPY_BATCH);
    const keys = Buffer.concat(batch.map(([key]) => key));
    const values = Buffer.concat(batch.map(([, value]) => value));
    try {
      map.updateBatch(keys, values, batch.length);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      for (const [key, value] of batch) map.update(key, value);
    }
  }
}

function index(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(0, true);
}

function rmPin(path: string): void {
  if (existsSync(path)) unlinkSync(path);
}
