// SPDX-License-Identifier: Apache-2.0
// Gives pinned maps another size or layout while programs use them: a new map is filled, takes the pin, and gets what
// came late.
import { existsSync, readdirSync, renameSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { abiLayout, CtFlags } from "../../abi/index.ts";
import { BpfMap, type MapChoice, type MapShape, SyscallError } from "../../kernel/index.ts";
import { isZero } from "./codec.ts";
import { type Convert, conversionOf, type KnownTypes } from "./layout.ts";
import { mapNames } from "./names.ts";

/** A map that keeps its size, since what it holds would not fit. */
export interface KeptSize {
  readonly name: string;
  readonly reason: string;
}

interface Migration {
  readonly old: BpfMap;
  /** Undefined: the layout stays. */
  readonly convert: Convert | undefined;
  /** Undefined until an object has made it. */
  fresh?: BpfMap;
}

type Entry = readonly [key: Uint8Array, value: Uint8Array];

/** How full an LRU map may get by the copy: one that is nearly full evicts entries, of living connections too. */
const LRU_FILL = 0.8;
const COPY_BATCH = 4096;

// A bpffs takes no names with dots.
const next = (name: string) => `${name}-next`;
const previous = (name: string, id: number) => `${name}-previous-${id}`;
const previousName = /^(cilium_\w+)-previous-\d+$/;

/**
 * The order: `choose()` tells each object that is loaded which map it gets, `fill()` takes a map that one has made,
 * `commit()` gives new maps the pins, then the caller puts the programs in place, `settleReplaced()` copies what the old
 * programs wrote meanwhile. The old map has a pin of its own until then, so that whoever is killed in the middle loses
 * nothing: the next run settles.
 */
export class MapMigrations implements Disposable {
  readonly #root: string;
  readonly #migrations = new Map<string, Migration>();
  readonly #kept = new Map<string, KeptSize>();
  readonly #types: KnownTypes = new Map();
  /** Maps that stay, by id; each is looked at once. */
  readonly #stay = new Set<number>();

  /** `root`: folder of the pinned maps. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Maps that keep their size. */
  get kept(): readonly KeptSize[] {
    return [...this.#kept.values()];
  }

  /** The pinned map, if it is as it is wanted; else a new one, for whose filling the caller then calls `fill()`. */
  choose(name: string, pinned: BpfMap, wanted: MapShape): MapChoice {
    const { fresh } = this.#migrations.get(name) ?? {};
    if (fresh !== undefined) return { use: fresh };
    if (this.#stay.has(pinned.id)) return { use: pinned };
    const convert = conversionOf(pinned, this.#types);
    const size = this.#size(name, pinned, wanted.maxEntries);
    if (convert === undefined && size === pinned.maxEntries) {
      this.#stay.add(pinned.id);
      return { use: pinned };
    }
    this.#migrations.get(name)?.old.close();
    this.#migrations.set(name, { old: pinned.dup(), convert });
    return { make: size };
  }

  /** Fills what an object has made as `choose()` told it to, with what the pinned map holds. */
  fill(mapOf: (name: string) => BpfMap | undefined): void {
    for (const [name, migration] of this.#migrations) {
      const made = migration.fresh === undefined ? mapOf(name) : undefined;
      if (made === undefined) continue;
      migration.fresh = made.dup();
      write(made, entriesOf(migration.old, migration.convert));
    }
  }

  /** Once more, right before the switch: the less is written behind it, the better. Then the new maps take the pins. */
  commit(): void {
    for (const [name, { old, fresh, convert }] of this.#migrations) {
      if (fresh === undefined) continue;
      copyLate(old, fresh, convert);
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
    for (const { old, fresh } of this.#migrations.values()) {
      old.close();
      fresh?.close();
    }
    this.#migrations.clear();
  }

  /** The wanted size, or the one that it has and keeps since what it holds would not fit. */
  #size(name: string, pinned: BpfMap, wanted: number): number {
    if (wanted === 0 || wanted === pinned.maxEntries || this.#kept.has(name)) return pinned.maxEntries;
    const reason = obstacle(pinned, wanted);
    if (reason === undefined) return wanted;
    this.#kept.set(name, { name, reason: `keeps ${pinned.maxEntries} entries instead of ${wanted}: ${reason}` });
    return pinned.maxEntries;
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
      copyLate(old, current, conversionOf(old));
    }
    if (end) rmPin(join(root, file));
  }
  return found;
}

/** Why what it holds does not fit into so many entries, or undefined. */
function obstacle(from: BpfMap, wanted: number): string | undefined {
  if (from.type === "array") {
    const beyond = entriesOf(from).findLast(([key]) => index(key) >= wanted);
    return beyond === undefined ? undefined : `its entry ${index(beyond[0])} is in use`;
  }
  const { length } = entriesOf(from);
  const room = from.type === "lru_hash" ? Math.floor(wanted * LRU_FILL) : wanted;
  return length > room ? `it holds ${length}` : undefined;
}

/** Entries that are missing, and flows that were denied for want of their entry. What is newer stays. */
function copyLate(from: BpfMap, to: BpfMap, convert?: Convert): void {
  // Only programs write between the two copies, and they write to these.
  if (from.type !== "lru_hash") return;
  for (const [key, value] of entriesOf(from, convert)) {
    const there = to.lookup(key);
    if (there === undefined || (isDenied(to.name, there) && !isDenied(to.name, value))) write(to, [[key, value]]);
  }
}

const conntrackNames: readonly string[] = [mapNames.ct4Tcp, mapNames.ct4Any, mapNames.ct6Tcp, mapNames.ct6Any];
const flagsOffset = abiLayout["ct_entry"]?.members["flags"]?.[0] ?? 0;

function isDenied(name: string, value: Uint8Array): boolean {
  if (!conntrackNames.some((known) => name.startsWith(known))) return false;
  const flags = new DataView(value.buffer, value.byteOffset).getUint16(flagsOffset, true);
  return (flags & CtFlags.CT_F_DENIED) !== 0;
}

function entriesOf(map: BpfMap, convert?: Convert): readonly Entry[] {
  if (map.type === "ringbuf" || map.type === "prog_array") return [];
  const all = [...map.entries({ batchSize: COPY_BATCH })];
  const entries = map.type === "array" ? all.filter(([, value]) => !isZero(value)) : all;
  if (convert === undefined) return entries;
  return entries.map(([key, value]) => convert(key, value)).filter((entry) => entry !== undefined);
}

function write(map: BpfMap, entries: readonly Entry[]): void {
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
