// SPDX-License-Identifier: Apache-2.0
// Selectors in use and the identities that each selects, kept up to date change by change.
import { type Cidr, formatCidr, type Labels } from "../../core/index.ts";
import type { PolicyIdentity, Selector } from "../types.ts";
import { SelectorIndex } from "./buckets.ts";
import { IdentitySet } from "./identities.ts";
import { matchesSelector } from "./match.ts";
import { type SelectorClass, selectorClass, selectorClasses } from "./selector-class.ts";

/** A selector in the cache. `ids` changes while it is held; read it, do not keep copies. */
export interface CachedSelector {
  readonly selector: Selector;
  readonly ids: ReadonlySet<number>;
}

/** What a change of identities did to one selector. */
export interface SelectorChange {
  readonly selector: CachedSelector;
  readonly added: readonly number[];
  readonly removed: readonly number[];
}

/** One line of `cilium policy selectors`. */
export interface SelectorRow {
  readonly selector: string;
  /** Policies that use it, `namespace/name`, sorted. */
  readonly labels: readonly string[];
  /** Uses in all. */
  readonly users: number;
  /** Rising. */
  readonly identities: readonly number[];
}

interface Entry extends CachedSelector {
  readonly ids: Set<number>;
  /** Uses by user. */
  readonly users: Map<string, number>;
}

/** An unresolved or unknown selector selects nobody. Adding or removing an identity asks only selectors that may match. */
export class SelectorCache {
  readonly #entries = new Map<string, Entry>();
  readonly #index = new SelectorIndex<Entry>();
  readonly #identities = new IdentitySet();

  /** Takes a use of a selector for a user (a policy's name). Give each back with `release`. */
  acquire(selector: Selector, user: string): CachedSelector {
    let entry = this.#entries.get(selector.text);
    if (entry === undefined) {
      entry = { selector, ids: this.#identities.select(selector), users: new Map() };
      this.#entries.set(selector.text, entry);
      this.#index.add(selector, entry);
    }
    entry.users.set(user, (entry.users.get(user) ?? 0) + 1);
    return entry;
  }

  /** Gives one use back; the last one removes the selector. Throws when the user has none. */
  release(selector: Selector, user: string): void {
    const entry = this.#entries.get(selector.text);
    const uses = entry?.users.get(user);
    if (entry === undefined || uses === undefined) {
      throw new Error(`Cannot release selector "${selector.text}": not in use by "${user}"`);
    }
    if (uses > 1) entry.users.set(user, uses - 1);
    else entry.users.delete(user);
    if (entry.users.size > 0) return;
    this.#entries.delete(selector.text);
    this.#index.remove(entry.selector, entry);
  }

  /** The selector as cached; undefined when nobody uses it. */
  get(selector: Selector): CachedSelector | undefined {
    return this.#entries.get(selector.text);
  }

  labelsOf(id: number): Labels | undefined {
    return this.#identities.labelsOf(id);
  }

  get identityCount(): number {
    return this.#identities.size;
  }

  /** Adds an identity or gives it other labels. Returns what that changed. */
  upsertIdentity(identity: PolicyIdentity): readonly SelectorChange[] {
    const previous = this.#identities.set(identity);
    if (previous?.equals(identity.labels) === true) return [];
    const asked = this.#index.candidates(identity.labels);
    if (previous !== undefined) for (const entry of this.#index.candidates(previous)) asked.add(entry);
    return this.#update(identity.id, asked, identity.labels);
  }

  /** Forgets an identity. Returns what that changed. */
  removeIdentity(id: number): readonly SelectorChange[] {
    const labels = this.#identities.delete(id);
    return labels === undefined ? [] : this.#update(id, this.#index.candidates(labels), undefined);
  }

  /** Prefixes that selectors in use speak of, exceptions too, by their text. Asks every selector. */
  prefixes(): ReadonlyMap<string, Cidr> {
    const found = new Map<string, Cidr>();
    for (const { selector } of this.#entries.values()) {
      if (selector.prefix === undefined) continue;
      for (const cidr of [selector.prefix.cidr, ...selector.prefix.except]) found.set(formatCidr(cidr), cidr);
    }
    return found;
  }

  /** How many identities the selector with the most of its class matches. */
  largestMatches(): ReadonlyMap<SelectorClass, number> {
    const found = new Map<SelectorClass, number>(selectorClasses.map((each) => [each, 0]));
    for (const { selector, ids } of this.#entries.values()) {
      const kind = selectorClass(selector);
      if (ids.size > (found.get(kind) ?? 0)) found.set(kind, ids.size);
    }
    return found;
  }

  /** All selectors in use, sorted. */
  rows(): readonly SelectorRow[] {
    return Array.from(this.#entries.values(), ({ selector, users, ids }) => ({
      selector: selector.text,
      labels: [...users.keys()].sort(),
      users: [...users.values()].reduce((sum, uses) => sum + uses, 0),
      identities: [...ids].sort((a, b) => a - b),
    })).sort((a, b) => (a.selector < b.selector ? -1 : 1));
  }

  #update(id: number, asked: Iterable<Entry>, labels: Labels | undefined): readonly SelectorChange[] {
    const changes: SelectorChange[] = [];
    for (const selector of asked) {
      const matches = labels !== undefined && matchesSelector(selector.selector, labels);
      if (matches && !selector.ids.has(id)) {
        selector.ids.add(id);
        changes.push({ selector, added: [id], removed: [] });
      } else if (!matches && selector.ids.delete(id)) {
        changes.push({ selector, added: [], removed: [id] });
      }
    }
    return changes;
  }
}
