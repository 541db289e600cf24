// SPDX-License-Identifier: Apache-2.0
// Which policy sets each endpoint's slot names, or may name after a failed write.

/** Sets by endpoint and back, and up to which loss of a set the endpoint's revision has moved. */
export class HeldSets {
  readonly #byEndpoint = new Map<number, ReadonlyMap<number, number>>();
  readonly #bySet = new Map<number, Set<number>>();

  /** Endpoints that hold any. */
  endpoints(): Iterable<number> {
    return this.#byEndpoint.keys();
  }

  of(endpoint: number): readonly number[] {
    return [...(this.#byEndpoint.get(endpoint)?.keys() ?? [])];
  }

  /** Endpoints that hold the set. */
  holders(set: number): ReadonlySet<number> {
    return this.#bySet.get(set) ?? none;
  }

  /** What `losses` said of a set when the endpoint was given it; undefined: it does not hold it. */
  lossesSeen(endpoint: number, set: number): number | undefined {
    return this.#byEndpoint.get(endpoint)?.get(set);
  }

  /** The endpoint now holds exactly these, in place of what it held; `losses` is asked for those whose losses it knows. */
  put(endpoint: number, sets: readonly number[], losses: (set: number) => number): void {
    this.delete(endpoint);
    this.#byEndpoint.set(endpoint, new Map(sets.map((set) => [set, losses(set)])));
    for (const set of sets) {
      const holders = this.#bySet.get(set);
      if (holders === undefined) this.#bySet.set(set, new Set([endpoint]));
      else holders.add(endpoint);
    }
  }

  /** Returns what it held. */
  delete(endpoint: number): readonly number[] {
    const sets = this.of(endpoint);
    this.#byEndpoint.delete(endpoint);
    for (const set of sets) {
      const holders = this.#bySet.get(set);
      holders?.delete(endpoint);
      if (holders?.size === 0) this.#bySet.delete(set);
    }
    return sets;
  }
}

const none: ReadonlySet<number> = new Set();
