// SPDX-License-Identifier: Apache-2.0
// Writes the lines of IPv6: what comes is there before anything leads to it, what goes leaves when nothing does.
import { PREFILTER_DIRECT_BITS } from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { Ipv6Nodes } from "./ipv6-nodes.ts";
import { LineMemory } from "./line-memory.ts";
import { bitsOf, Lines, type PrefixBytes, prefixesOf } from "./lines.ts";
import { type PrefixKey, type PrefixList, widened } from "./prefix-list.ts";

export class Ipv6Tables {
  readonly #lines: BpfMap;
  readonly #nodes: BpfMap;

  constructor(lines: BpfMap, nodes: BpfMap) {
    this.#lines = lines;
    this.#nodes = nodes;
  }

  /** From one list to another in these prefixes of 24 bits, or in all; `lead` writes what leads to the lines. */
  change(before: PrefixList, after: PrefixList, cells: ReadonlySet<PrefixKey> | "all", lead: () => void): void {
    const tables = this.#open(cells === "all");
    for (const prefix of onlyIn(after, before, cells)) tables.add(prefix);
    tables.flush();
    lead();
    for (const prefix of onlyIn(before, after, cells)) tables.remove(prefix);
    tables.flush();
  }

  /** Makes the lines hold exactly this list, whatever they hold. */
  replace(list: PrefixList, lead: () => void): void {
    const tables = this.#open(true);
    tables.nodes.clear();
    for (const prefix of behindDirect(list, 0, list.size)) if (!tables.lines.has(prefix)) tables.add(prefix);
    tables.flush();
    lead();
    tables.keepOnly((prefix) => isOutermost(list, prefix));
    tables.flush();
  }

  #open(whole: boolean): OpenTables {
    return new OpenTables(new LineMemory(this.#lines, { whole }), new Ipv6Nodes(this.#nodes));
  }
}

/** The tables during one change. */
class OpenTables {
  readonly #memory: LineMemory;
  readonly lines: Lines;
  readonly nodes: Ipv6Nodes;

  constructor(memory: LineMemory, nodes: Ipv6Nodes) {
    this.#memory = memory;
    this.lines = new Lines(memory);
    this.nodes = nodes;
  }

  add(prefix: PrefixBytes): void {
    if (!this.lines.put(prefix)) this.nodes.add(prefix);
  }

  remove(prefix: PrefixBytes): void {
    if (!this.lines.take(prefix)) this.nodes.remove(prefix);
  }

  keepOnly(wanted: (prefix: PrefixBytes) => boolean): void {
    for (let index = 0; index < this.#memory.count; index++) {
      for (const prefix of prefixesOf(this.#memory.line(index))) if (!wanted(prefix)) this.lines.take(prefix);
    }
  }

  /** Nodes first: lines lead to them. */
  flush(): void {
    this.nodes.flush();
    this.#memory.flush();
  }
}

/** Prefixes behind the direct table that count in `list` and not in `other`: those within others do not count. */
function* onlyIn(list: PrefixList, other: PrefixList, cells: ReadonlySet<PrefixKey> | "all"): Generator<PrefixBytes> {
  if (cells === "all") {
    yield* missing(behindDirect(list, 0, list.size), behindDirect(other, 0, other.size));
    return;
  }
  for (const cell of cells) yield* missing(inCell(list, cell), inCell(other, cell));
}

/** What only the first of two sorted sequences has. */
function* missing(some: Generator<PrefixBytes>, others: Generator<PrefixBytes>): Generator<PrefixBytes> {
  let other = others.next();
  for (const prefix of some) {
    while (other.done !== true && Buffer.compare(other.value, prefix) < 0) other = others.next();
    if (other.done === true || Buffer.compare(other.value, prefix) !== 0) yield prefix;
  }
}

function* inCell(list: PrefixList, cell: PrefixKey): Generator<PrefixBytes> {
  if (!list.covers(cell)) yield* behindDirect(list, ...list.within(cell));
}

function* behindDirect(list: PrefixList, from: number, to: number): Generator<PrefixBytes> {
  for (const index of list.outermost(from, to)) {
    if (list.bits(index) > PREFILTER_DIRECT_BITS) yield list.bytes(index);
  }
}

function isOutermost(list: PrefixList, prefix: PrefixBytes): boolean {
  const key = String.fromCharCode(...prefix);
  return list.has(key) && !list.covers(widened(key, bitsOf(prefix) - 1));
}
