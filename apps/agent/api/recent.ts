// SPDX-License-Identifier: Apache-2.0
// The newest items of an endless series, for readers that may come late or be slow.

/** Keeps `limit` items. A reader that falls further behind misses the oldest. */
export class Recent<Item> {
  readonly #limit: number;
  #items: Item[] = [];
  /** Number of the first item that is kept. */
  #first = 0;
  #wake = Promise.withResolvers<void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(item: Item): void {
    this.#items.push(item);
    // Cut in halves, so that an item is moved once and not with each push.
    if (this.#items.length > 2 * this.#limit) {
      this.#first += this.#items.length - this.#limit;
      this.#items = this.#items.slice(-this.#limit);
    }
    this.#wakeAll();
  }

  /** The newest items, oldest first; with `follow` those to come until the signal aborts. */
  async *read({ follow, signal }: { follow: boolean; signal: AbortSignal }): AsyncGenerator<Item, void, void> {
    // Waiting readers hold nothing but the next promise: a race with the signal would keep a reaction for each wake.
    const wake = () => this.#wakeAll();
    signal.addEventListener("abort", wake, { once: true });
    try {
      let next = this.#first + Math.max(0, this.#items.length - this.#limit);
      while (!signal.aborted) {
        next = Math.max(next, this.#first);
        const item = this.#items[next - this.#first];
        if (item !== undefined) {
          next++;
          yield item;
        } else if (follow) await this.#wake.promise;
        else return;
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  #wakeAll(): void {
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers();
    resolve();
  }
}
