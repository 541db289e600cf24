// SPDX-License-Identifier: Apache-2.0
// Identities of local endpoints with their resolved policies; equal ones are kept once.
import type { Labels } from "../../core/index.ts";
import { CompiledPolicy, type EntryChange } from "../entries/compiled.ts";
import type { ResolvedPolicy } from "../resolve/resolve.ts";
import type { SelectorChange } from "../selectors/cache.ts";
import { directions } from "../types.ts";
import type { DirectionChange, SharedDirection, SharedDirections } from "./directions.ts";

/** A compiled policy and the identities it stands for. */
export interface SharedPolicy {
  readonly resolved: ResolvedPolicy;
  readonly compiled: CompiledPolicy;
  readonly users: Set<number>;
  readonly key: string;
  /** Ingress and egress; none when the policy is an error. */
  readonly directions: readonly SharedDirection[];
}

interface Subject {
  readonly labels: Labels;
  shared?: SharedPolicy;
}

/** Keeps what is resolved until a change concerns it. */
export class Subjects {
  readonly #directions: SharedDirections;
  readonly #subjects = new Map<number, Subject>();
  readonly #shared = new Map<string, SharedPolicy>();
  readonly #byDirection = new Map<SharedDirection, Set<SharedPolicy>>();

  constructor(compiled: SharedDirections) {
    this.#directions = compiled;
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
    const shared = this.#shared.get(key) ?? this.#add(key, resolved);
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
    return this.#changed(this.#directions.apply(changes));
  }

  /** Passes a change of an identity's named ports on to the policies that use such ports of their peers. */
  portsChanged(identity: number): ReadonlyMap<number, EntryChange> {
    return this.#changed(this.#directions.portsChanged(identity));
  }

  #changed(changes: readonly DirectionChange[]): ReadonlyMap<number, EntryChange> {
    const result = new Map<number, EntryChange>();
    for (const { direction, change } of changes) {
      for (const { users } of this.#byDirection.get(direction) ?? []) {
        for (const id of users) result.set(id, joined(result.get(id), change));
      }
    }
    return result;
  }

  #add(key: string, resolved: ResolvedPolicy): SharedPolicy {
    const used = resolved.error === undefined ? directions : [];
    const shared = used.map((direction) => this.#directions.acquire(direction, resolved));
    const compiled = new CompiledPolicy(shared.map((direction) => direction.compiled));
    const policy: SharedPolicy = { resolved, compiled, users: new Set(), key, directions: shared };
    this.#shared.set(key, policy);
    for (const direction of shared) {
      const policies = this.#byDirection.get(direction);
      if (policies === undefined) this.#byDirection.set(direction, new Set([policy]));
      else policies.add(policy);
    }
    return policy;
  }

  #drop(policy: SharedPolicy): void {
    this.#shared.delete(policy.key);
    for (const direction of policy.directions) {
      const policies = this.#byDirection.get(direction);
      policies?.delete(policy);
      if (policies?.size === 0) this.#byDirection.delete(direction);
      this.#directions.release(direction);
    }
  }

  #keyOf(resolved: ResolvedPolicy): string {
    const keys = directions.map((direction) => this.#directions.keyOf(direction, resolved));
    return resolved.error === undefined ? keys.join(" ") : `error ${keys.join(" ")}`;
  }
}

function joined(a: EntryChange | undefined, b: EntryChange): EntryChange {
  if (a === undefined) return b;
  return { added: [...a.added, ...b.added], removed: [...a.removed, ...b.removed] };
}
