// SPDX-License-Identifier: Apache-2.0
// Identities of local endpoints with their resolved policies; equal ones are compiled once.
import type { Labels } from "../../core/index.ts";
import { CompiledPolicy, type EntryChange } from "../entries/compiled.ts";
import type { CookieRegistry } from "../entries/cookies.ts";
import type { NamedPorts } from "../entries/named-ports.ts";
import type { ResolvedPolicy } from "../resolve/resolve.ts";
import type { RuleUnit } from "../resolve/units.ts";
import type { CachedSelector, SelectorCache, SelectorChange } from "../selectors/cache.ts";

/** A compiled policy and the identities it stands for. */
export interface SharedPolicy {
  readonly resolved: ResolvedPolicy;
  readonly compiled: CompiledPolicy;
  readonly users: Set<number>;
  readonly key: string;
}

interface Subject {
  readonly labels: Labels;
  shared?: SharedPolicy;
}

/** Keeps what is resolved until a change concerns it. */
export class Subjects {
  readonly #cache: SelectorCache;
  readonly #cookies: CookieRegistry;
  readonly #namedPorts: NamedPorts;
  readonly #subjects = new Map<number, Subject>();
  readonly #shared = new Map<string, SharedPolicy>();
  readonly #bySelector = new Map<CachedSelector, Set<SharedPolicy>>();
  readonly #serials = new WeakMap<RuleUnit, number>();
  #nextSerial = 0;

  constructor(cache: SelectorCache, cookies: CookieRegistry, namedPorts: NamedPorts) {
    this.#cache = cache;
    this.#cookies = cookies;
    this.#namedPorts = namedPorts;
  }

  /** Numbers of all subjects, with their labels. */
  *all(): Iterable<readonly [number, Labels]> {
    for (const [id, { labels }] of this.#subjects) yield [id, labels];
  }

  labelsOf(id: number): Labels | undefined {
    return this.#subjects.get(id)?.labels;
  }

  /** What is resolved for a subject with these labels, if it still holds. */
  fresh(id: number, labels: Labels): SharedPolicy | undefined {
    const subject = this.#subjects.get(id);
    return subject?.labels.equals(labels) === true ? subject.shared : undefined;
  }

  /** Remembers a subject and what was resolved for it. */
  put(id: number, labels: Labels, resolved: ResolvedPolicy): SharedPolicy {
    this.invalidate(id);
    const key = this.#keyOf(resolved);
    const shared = this.#shared.get(key) ?? this.#compile(key, resolved);
    shared.users.add(id);
    this.#subjects.set(id, { labels, shared });
    return shared;
  }

  /** The subject's policy has to be resolved again. */
  invalidate(id: number): void {
    const subject = this.#subjects.get(id);
    const shared = subject?.shared;
    if (subject === undefined || shared === undefined) return;
    this.#subjects.set(id, { labels: subject.labels });
    shared.users.delete(id);
    if (shared.users.size === 0) this.#drop(shared);
  }

  forget(id: number): void {
    this.invalidate(id);
    this.#subjects.delete(id);
  }

  /** Passes changes of selectors on to the policies that use them. Returns what changed for which subject. */
  apply(changes: Iterable<SelectorChange>): ReadonlyMap<number, EntryChange> {
    const concerned = new Map<SharedPolicy, Set<number>>();
    for (const { selector, added, removed } of changes) {
      for (const shared of this.#bySelector.get(selector) ?? []) {
        const identities = concerned.get(shared) ?? new Set();
        for (const id of [...added, ...removed]) identities.add(id);
        concerned.set(shared, identities);
      }
    }
    return this.#update(concerned);
  }

  /** Passes a change of an identity's named ports on to the policies that use such ports of their peers. */
  portsChanged(identity: number): ReadonlyMap<number, EntryChange> {
    const users = [...this.#shared.values()].filter(({ compiled }) => compiled.usesNames);
    return this.#update(new Map(users.map((shared) => [shared, [identity]])));
  }

  #update(concerned: ReadonlyMap<SharedPolicy, Iterable<number>>): ReadonlyMap<number, EntryChange> {
    const result = new Map<number, EntryChange>();
    for (const [shared, identities] of concerned) {
      const change = shared.compiled.update(identities);
      if (change.added.length + change.removed.length === 0) continue;
      for (const id of shared.users) result.set(id, change);
    }
    return result;
  }

  #compile(key: string, resolved: ResolvedPolicy): SharedPolicy {
    const compiled = new CompiledPolicy(resolved, this.#cache, this.#cookies, this.#namedPorts);
    const shared: SharedPolicy = { resolved, compiled, users: new Set(), key };
    this.#shared.set(key, shared);
    for (const selector of compiled.selectors) {
      const users = this.#bySelector.get(selector);
      if (users === undefined) this.#bySelector.set(selector, new Set([shared]));
      else users.add(shared);
    }
    return shared;
  }

  #drop(shared: SharedPolicy): void {
    this.#shared.delete(shared.key);
    for (const selector of shared.compiled.selectors) {
      const users = this.#bySelector.get(selector);
      users?.delete(shared);
      if (users?.size === 0) this.#bySelector.delete(selector);
    }
  }

  /** Equal for policies of the same specs (not: specs with equal contents) and enforcement. */
  #keyOf({ ingress, egress, units, variant }: ResolvedPolicy): string {
    const standing = [ingress, egress].map(({ enforced, real }) => `${enforced},${real.standing.defaultDeny}`);
    return `${standing.join(",")}${variant}:${units.map((unit) => this.#serialOf(unit)).join(",")}`;
  }

  #serialOf(unit: RuleUnit): number {
    const serial = this.#serials.get(unit) ?? ++this.#nextSerial;
    this.#serials.set(unit, serial);
    return serial;
  }
}
