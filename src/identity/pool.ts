// SPDX-License-Identifier: Apache-2.0
// Which number comes next: in turn, so that one given back is used again only after all others.
import type { IdentityRange } from "./types.ts";

/** Hands out numbers of a range in turn. Knows only where it stands; what is in use is asked. */
export class IdPool {
  readonly #range: IdentityRange;
  #next: number;

  /** `first` is where the turn begins; several allocators over one backend should begin apart. */
  constructor(range: IdentityRange, first = range.min) {
    this.#range = range;
    this.#next = first >= range.min && first <= range.max ? first : range.min;
  }

  /** The next number that `inUse` does not hold; undefined when all are in use. */
  next(inUse: (id: number) => boolean): number | undefined {
    const { min, max } = this.#range;
    for (let left = max - min + 1; left > 0; left--) {
      const id = this.#next;
      this.#next = id === max ? min : id + 1;
      if (!inUse(id)) return id;
    }
    return undefined;
  }
}
