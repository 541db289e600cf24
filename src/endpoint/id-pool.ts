// SPDX-License-Identifier: Apache-2.0
// Endpoint ids: 16 bits, the index of cilium_endpoints.

/** Hands out ids 1–65535 in turn, so that a released one is not used again before all others. */
export class IdPool {
  readonly #used = new Set<number>();
  #next: number;

  constructor(first = 1) {
    this.#next = first;
  }

  /** Throws when all ids are in use. */
  allocate(): number {
    for (let tried = 0; tried < 65535; tried++) {
      const id = this.#next;
      this.#next = id === 65535 ? 1 : id + 1;
      if (!this.#used.has(id)) {
        this.#used.add(id);
        return id;
      }
    }
    throw new Error("Cannot create endpoint: all 65535 endpoint ids are in use (delete endpoints of this node)");
  }

  /** The ids that allocate() gives next, at most `count`. */
  upcoming(count: number): number[] {
    const ids: number[] = [];
    for (let tried = 0, id = this.#next; tried < 65535 && ids.length < count; tried++) {
      if (!this.#used.has(id)) ids.push(id);
      id = id === 65535 ? 1 : id + 1;
    }
    return ids;
  }

  /** Marks an id as used; the next ones handed out lie behind the highest taken. False when it was in use. */
  take(id: number): boolean {
    if (this.#used.has(id)) return false;
    this.#used.add(id);
    if (id >= this.#next) this.#next = id === 65535 ? 1 : id + 1;
    return true;
  }

  release(id: number): void {
    this.#used.delete(id);
  }
}
