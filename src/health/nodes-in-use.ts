// SPDX-License-Identifier: Apache-2.0
// Which nodes pods talk to, told from when something was sent to each. Pure.

/** How often it should be told, ms. */
export const lookIntervalMs = 2_500;
/** What is remembered of a node: whether something was sent to it before each of so many looks. */
const looks = 3;
/** A connection that pauses, or tries again ever more slowly, is still one. */
const rememberMs = 60_000;

interface Use {
  /** A bit for each of the last looks, the last one's lowest. */
  sent: number;
  /** In use until then; 0: never yet. */
  until: number;
}

/**
 * A node is in use when something was sent to it before two of three looks that follow each other, and for a minute
 * after: answers to another one's probes are sent only now and then.
 */
export class NodesInUse {
  readonly #nodes = new Map<string, Use>();

  /**
   * `addresses`: of those to whom something was sent since the look before. `now` in ms. `probed`: whether that may have
   * been our own probes, so that this look says nothing of an address. Returns those in use.
   */
  look(addresses: ReadonlySet<string>, now: number, probed: (address: string) => boolean): readonly string[] {
    for (const address of addresses) {
      if (!this.#nodes.has(address) && !probed(address)) this.#nodes.set(address, { sent: 0, until: 0 });
    }
    const inUse: string[] = [];
    for (const [address, use] of this.#nodes) {
      if (!probed(address)) {
        use.sent = ((use.sent << 1) | (addresses.has(address) ? 1 : 0)) & ((1 << looks) - 1);
        // More than one bit.
        if ((use.sent & (use.sent - 1)) !== 0) use.until = now + rememberMs;
      }
      if (use.until > now) inUse.push(address);
      else if (use.sent === 0 || use.until > 0) this.#nodes.delete(address);
    }
    return inUse;
  }
}
