// SPDX-License-Identifier: Apache-2.0
// The known identities, findable by label.
import type { Labels } from "../../core/index.ts";
import type { PolicyIdentity, Selector } from "../types.ts";
import { bucketOfAddresses, bucketsOfLabels, bucketsOfRequirement } from "./buckets.ts";
import { matchesSelector } from "./match.ts";

/** Identities by number and by label. */
export class IdentitySet {
  readonly #labels = new Map<number, Labels>();
  readonly #buckets = new Map<string, Set<number>>();

  get size(): number {
    return this.#labels.size;
  }

  labelsOf(id: number): Labels | undefined {
    return this.#labels.get(id);
  }

  ids(): IterableIterator<number> {
    return this.#labels.keys();
  }

  /** Adds or replaces; returns the labels that the number had before. */
  set({ id, labels }: PolicyIdentity): Labels | undefined {
    const previous = this.delete(id);
    this.#labels.set(id, labels);
    for (const bucket of bucketsOfLabels(labels)) {
      const ids = this.#buckets.get(bucket);
      if (ids === undefined) this.#buckets.set(bucket, new Set([id]));
      else ids.add(id);
    }
    return previous;
  }

  delete(id: number): Labels | undefined {
    const labels = this.#labels.get(id);
    if (labels === undefined) return undefined;
    this.#labels.delete(id);
    for (const bucket of bucketsOfLabels(labels)) {
      const ids = this.#buckets.get(bucket);
      ids?.delete(id);
      if (ids?.size === 0) this.#buckets.delete(bucket);
    }
    return labels;
  }

  /** Numbers of all identities that the selector matches. */
  select(selector: Selector): Set<number> {
    const found = new Set<number>();
    for (const id of this.#candidates(selector)) {
      const labels = this.#labels.get(id);
      if (labels !== undefined && matchesSelector(selector, labels)) found.add(id);
    }
    return found;
  }

  /** Asks the requirement with the fewest identities in its buckets. */
  #candidates(selector: Selector): Iterable<number> {
    const address = bucketOfAddresses(selector);
    if (address !== undefined) return this.#buckets.get(address) ?? none;
    let best: readonly ReadonlySet<number>[] | undefined;
    let bestSize = this.#labels.size;
    for (const requirement of selector.requirements) {
      const sets = bucketsOfRequirement(requirement)?.map((bucket) => this.#buckets.get(bucket) ?? none);
      if (sets === undefined) continue;
      const size = sets.reduce((sum, set) => sum + set.size, 0);
      if (size < bestSize) [best, bestSize] = [sets, size];
    }
    return best === undefined ? this.#labels.keys() : best.flatMap((set) => [...set]);
  }
}

const none: ReadonlySet<number> = new Set();
