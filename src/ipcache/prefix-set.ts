// SPDX-License-Identifier: Apache-2.0
// A set of prefixes that is asked what lies inside of them.
import { type Cidr, formatCidr, parseCidr } from "../core/index.ts";

/** Asks once for each length that there is, however many prefixes there are. */
export class PrefixSet {
  readonly #texts: ReadonlySet<string>;
  readonly #lengths: Readonly<Record<4 | 6, ReadonlySet<number>>>;

  constructor(prefixes: Iterable<string>) {
    const cidrs = Array.from(prefixes, (prefix) => parseCidr(prefix));
    this.#texts = new Set(cidrs.map(formatCidr));
    const lengths = (family: 4 | 6) => new Set(cidrs.filter((cidr) => cidr.family === family).map(({ bits }) => bits));
    this.#lengths = { 4: lengths(4), 6: lengths(6) };
  }

  /** Whether one of the prefixes is this one, or around it. */
  covers(cidr: Cidr): boolean {
    for (const bits of this.#lengths[cidr.family]) {
      if (bits <= cidr.bits && this.#texts.has(shortened(cidr, bits))) return true;
    }
    return false;
  }
}

/** The prefix of this length around another. */
export function shortened(cidr: Cidr, bits: number): string {
  return formatCidr(parseCidr(`${cidr.ip}/${bits}`));
}
