// SPDX-License-Identifier: Apache-2.0
// The lines of cilium_cidr_lines while they are being changed: read when they are asked for, written together.
import { PREFILTER_LINE_BITS, PREFILTER_LINE_SIZE } from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { LINE_LENGTHS } from "./lines.ts";

const LINES = 2 ** PREFILTER_LINE_BITS;

export class LineMemory {
  readonly #map: BpfMap;
  /** All lines one behind the other, or those that somebody asked for. */
  readonly #all: Uint8Array | undefined;
  readonly #some = new Map<number, Uint8Array>();
  /** Lengths and flags of changed lines, as the kernel has them. */
  readonly #before = new Map<number, bigint>();

  /** `whole` reads everything at once: where most lines will be asked for. */
  constructor(map: BpfMap, { whole }: { readonly whole: boolean }) {
    this.#map = map;
    if (!whole) return;
    this.#all = new Uint8Array(LINES * PREFILTER_LINE_SIZE);
    for (const [key, value] of map.entries()) this.#all.set(value, view(key).getUint32(0, true) * PREFILTER_LINE_SIZE);
  }

  /** struct prefilter_line; not to be changed but after `change`. */
  line(index: number): Uint8Array {
    if (this.#all !== undefined) {
      return this.#all.subarray(index * PREFILTER_LINE_SIZE, (index + 1) * PREFILTER_LINE_SIZE);
    }
    const known = this.#some.get(index) ?? this.#map.lookup(word(index)) ?? new Uint8Array(PREFILTER_LINE_SIZE);
    this.#some.set(index, known);
    return known;
  }

  /** The line, which the caller changes now. */
  change(index: number): Uint8Array {
    const line = this.line(index);
    if (!this.#before.has(index)) this.#before.set(index, view(line).getBigUint64(LINE_LENGTHS, true));
    return line;
  }

  /** How many lines there are. */
  get count(): number {
    return LINES;
  }

  /** Writes what was changed. First words, which mean nothing without their lengths: no packet meets half an entry. */
  flush(): void {
    const count = this.#before.size;
    if (count === 0) return;
    const keys = new Uint8Array(count * 4);
    const words = new Uint8Array(count * PREFILTER_LINE_SIZE);
    const lines = new Uint8Array(count * PREFILTER_LINE_SIZE);
    let at = 0;
    for (const [index, lengths] of this.#before) {
      keys.set(word(index), at * 4);
      for (const values of [words, lines]) values.set(this.line(index), at * PREFILTER_LINE_SIZE);
      view(words).setBigUint64(at++ * PREFILTER_LINE_SIZE + LINE_LENGTHS, lengths, true);
    }
    this.#map.updateBatch(keys, words, count);
    this.#map.updateBatch(keys, lines, count);
    this.#before.clear();
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  view(bytes).setUint32(0, value, true);
  return bytes;
}
