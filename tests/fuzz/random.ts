// SPDX-License-Identifier: Apache-2.0
// Seeded randomness for fuzzers: the same seed gives the same inputs, and a failure names its seed.
import { test } from "node:test";
import { randomWords } from "../../src/core/testing.ts";

/** Most time that one fuzzer takes, ms; a slow machine tries fewer inputs. */
const timeLimit = 2500;

/** A generator of choices; equal seeds choose equally. */
export class Random {
  /** 0 to 2^32−1. */
  readonly uint32: () => number;

  constructor(seed: number) {
    this.uint32 = randomWords(seed);
  }

  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + (this.uint32() % (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.uint32() < probability * 0x1_0000_0000;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length - 1)];
    if (item === undefined && items.length === 0) throw new RangeError("Cannot pick: the list is empty");
    return item as T;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.uint32() & 0xff);
  }

  /** Up to `max` characters, of which many are the ones that parsers stumble over. */
  text(max: number): string {
    return Array.from({ length: this.int(0, max) }, () =>
      this.chance(0.5) ? this.pick(nasty) : String.fromCharCode(this.int(0x20, 0x7e)),
    ).join("");
  }

  /** Any JSON value, not deeper than `depth`. */
  json(depth = 4): unknown {
    if (depth === 0 || this.chance(0.4)) return this.pick<unknown>(scalars);
    const size = this.int(0, 4);
    if (this.chance(0.5)) return Array.from({ length: size }, () => this.json(depth - 1));
    return this.object(Array.from({ length: size }, () => [this.key(), this.json(depth - 1)]));
  }

  key(): string {
    return this.chance(0.7) ? this.pick(keys) : this.text(12);
  }

  /** The same value with one to three things changed: replaced, left out, doubled, or added. */
  mutate(value: unknown): unknown {
    let mutated = value;
    for (let n = this.int(1, 3); n > 0; n--) mutated = this.#mutateOnce(mutated);
    return mutated;
  }

  /** The same text with some characters changed, cut, repeated or put in. */
  mutateText(text: string): string {
    let mutated = text;
    for (let n = this.int(1, 4); n > 0; n--) {
      const from = this.int(0, mutated.length);
      const to = Math.min(mutated.length, from + this.int(0, 12));
      const middle = mutated.slice(from, to);
      const put = this.pick([
        "",
        middle + middle,
        this.text(8),
        this.pick(nasty).repeat(this.int(1, 40)),
        middle.toUpperCase(),
      ]);
      mutated = mutated.slice(0, from) + put + mutated.slice(to);
    }
    return mutated;
  }

  #mutateOnce(value: unknown): unknown {
    if (typeof value === "string" && this.chance(0.6)) return this.mutateText(value);
    if (typeof value !== "object" || value === null || this.chance(0.1)) return this.json(2);
    if (Array.isArray(value)) {
      const items: unknown[] = [...value];
      const at = this.int(0, Math.max(0, items.length - 1));
      const choice = this.int(0, 9);
      if (choice < 2) items.splice(at, 1);
      else if (choice < 4) items.splice(at, 0, this.json(2));
      else if (items.length > 0) items[at] = this.#mutateOnce(items[at]);
      return items;
    }
    const entries = Object.entries(value);
    const at = this.int(0, Math.max(0, entries.length - 1));
    const entry = entries[at];
    const choice = entry === undefined ? 0 : this.int(0, 9);
    if (entry === undefined || choice < 2) entries.push([this.key(), this.json(2)]);
    else if (choice < 4) entries.splice(at, 1);
    else if (choice < 5) entries[at] = [this.mutateText(entry[0]), entry[1]];
    else entries[at] = [entry[0], this.#mutateOnce(entry[1])];
    return this.object(entries);
  }

  /** Own properties, also of names such as `__proto__`. */
  object(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
    return Object.fromEntries(entries);
  }
}

/** Characters that have a meaning somewhere: in paths, JSON, YAML, terminals, UTF-16. */
const nasty: readonly string[] = [
  ..."\u0000\n\r\t\u001b[31m\u007f\u009b\u2028\u202e\ufeff\ufffd\ud800\udfff\u{1f600}é".split(""),
  ..."/\\.:;,=&?#%'\"`{}[]()<>!|*+-_~^$@ 09azAZ".split(""),
  ...["..", "%2e%2e", "%00", "%ff", "%", "{{", "&a", "*a", "!!", "---", "__proto__", "constructor", "\r\n\r\n"],
];

const keys: readonly string[] = [
  ...["__proto__", "constructor", "prototype", "toString", "valueOf", "hasOwnProperty", "length", "toJSON", "then"],
  ...["", " ", "name", "kind", "spec", "labels", "metadata", "items", "ID", "IP", "id", "code", "message"],
];

const scalars: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 1, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 32, 2 ** 53, 1e21, 65536, 255],
  ...["", " ", "0", "-1", "null", "true", "a", "reserved:host", "10.0.0.1", "0.0.0.0/0", "::", "fd00::1/129", "\u0000"],
  ...["../../etc/passwd", "%2e%2e", "__proto__", "constructor", "\u001b[2J", "x".repeat(5000), "é", "\ud800"],
  ...[[], {}, [[]], [null], { toString: 1 }, JSON.parse('{"__proto__": {"polluted": true}}')],
];

/** FUZZ_SEED=N tries other inputs, FUZZ_RUNS=N that many times as many, without a limit of time. */
const baseSeed = Number(process.env.FUZZ_SEED ?? 20_260_801) >>> 0;
const factor = Number(process.env.FUZZ_RUNS ?? 1);

/**
 * Declares a test that tries `runs` inputs, each with a seed of its own, and names the seed of one that fails. `alone`
 * is FUZZ_CASE=N: only that input.
 */
export function fuzz(name: string, runs: number, attempt: (random: Random, n: number) => unknown): void {
  test(name, async (t) => {
    const started = performance.now();
    const alone = process.env.FUZZ_CASE === undefined ? undefined : Number(process.env.FUZZ_CASE);
    let n = alone ?? 0;
    for (; n < (alone === undefined ? runs * factor : alone + 1); n++) {
      if (factor === 1 && performance.now() - started > timeLimit) break;
      try {
        await attempt(new Random(baseSeed + Math.imul(n, 0x9e3779b1)), n);
      } catch (error) {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        throw new Error(`Failed with FUZZ_SEED=${baseSeed} FUZZ_CASE=${n}: ${text.slice(0, 4000)}`, { cause: error });
      }
    }
    t.diagnostic(`${n} inputs, FUZZ_SEED=${baseSeed}`);
  });
}

/** Fails when something has put properties on all objects or lists. */
export function assertNoPollution(): void {
  for (const object of [{}, [], () => undefined]) {
    for (const name in object) throw new Error(`Prototype is polluted with ${JSON.stringify(name)}`);
  }
  if ("polluted" in {}) throw new Error("Prototype is polluted");
}
