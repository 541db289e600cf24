// SPDX-License-Identifier: Apache-2.0
// Policies in force, and which specs may select given labels.
import type { Labels } from "../../core/index.ts";
import { type PeerLookup, type ResolvedRule, type RuleUnit, unitsOf } from "../resolve/units.ts";
import { SelectorIndex } from "../selectors/buckets.ts";
import { matchesSelector } from "../selectors/match.ts";
import type { ParsedPolicy, RuleOrigin, Selector } from "../types.ts";

/** A policy as stored. */
export interface StoredPolicy {
  readonly policy: ParsedPolicy;
  readonly units: readonly RuleUnit[];
  /** Of the repository, when it came into force. */
  readonly revision: number;
}

/** Policies by id. Knows nothing of endpoints and identities. */
export class PolicyRepository {
  readonly #policies = new Map<string, StoredPolicy>();
  /** Those of them that refer to other objects. */
  readonly #referring = new Map<string, StoredPolicy>();
  readonly #subjects = new SelectorIndex<RuleUnit>();
  readonly #lookUp: PeerLookup;
  #revision = 1;

  constructor(lookUp: PeerLookup) {
    this.#lookUp = lookUp;
  }

  /** Grows with each change of a policy. */
  get revision(): number {
    return this.#revision;
  }

  get(id: string): StoredPolicy | undefined {
    return this.#policies.get(id);
  }

  /** All policies, sorted by id. */
  list(): readonly StoredPolicy[] {
    return sorted([...this.#policies.values()]);
  }

  /** Policies whose references stand for others than when they came into force, sorted by id. */
  outdated(): readonly StoredPolicy[] {
    const isOutdated = ({ policy, units }: StoredPolicy) =>
      textOfPeers(units) !== textOfPeers(unitsOf(policy, this.#lookUp));
    return sorted([...this.#referring.values()].filter(isOutdated));
  }

  put(policy: ParsedPolicy): StoredPolicy {
    this.#take(policy.id);
    const stored = { policy, units: unitsOf(policy, this.#lookUp), revision: ++this.#revision };
    this.#policies.set(policy.id, stored);
    if (hasReferences(policy)) this.#referring.set(policy.id, stored);
    for (const unit of stored.units) this.#subjects.add(unit.subject, unit);
    return stored;
  }

  delete(id: string): StoredPolicy | undefined {
    const stored = this.#take(id);
    if (stored !== undefined) this.#revision++;
    return stored;
  }

  /** Counts a change that is not one of a policy (the enforcement mode). */
  touch(): void {
    this.#revision++;
  }

  /** Specs that may select endpoints with these labels. */
  candidates(labels: Labels): Iterable<RuleUnit> {
    return this.#subjects.candidates(labels);
  }

  #take(id: string): StoredPolicy | undefined {
    const stored = this.#policies.get(id);
    for (const unit of stored?.units ?? []) this.#subjects.remove(unit.subject, unit);
    this.#policies.delete(id);
    this.#referring.delete(id);
    return stored;
  }
}

function sorted(policies: StoredPolicy[]): readonly StoredPolicy[] {
  return policies.sort((a, b) => (a.policy.id < b.policy.id ? -1 : 1));
}

/** Peer selectors of a policy, one for each use. */
export function peersOf(stored: StoredPolicy | undefined): readonly Selector[] {
  return rulesOf(stored).flatMap((rule) => rule.peers ?? []);
}

/** Whether any peer of the policy is told by another object. */
function hasReferences({ rules }: ParsedPolicy): boolean {
  return rules.some(({ ingress, egress }) =>
    [...ingress, ...egress].some(({ peers }) => peers?.some((peer) => "kind" in peer)),
  );
}

/** Origins of the rules of a policy. */
export function originsOf(stored: StoredPolicy | undefined): readonly RuleOrigin[] {
  return rulesOf(stored).map((rule) => rule.origin);
}

/** Whether any spec selects these labels. */
export function selects(stored: StoredPolicy | undefined, labels: Labels): boolean {
  return stored?.units.some((unit) => matchesSelector(unit.subject, labels)) ?? false;
}

function rulesOf(stored: StoredPolicy | undefined): readonly ResolvedRule[] {
  return (stored?.units ?? []).flatMap(rulesOfUnit);
}

function rulesOfUnit({ ingress, egress }: RuleUnit): readonly ResolvedRule[] {
  return [...ingress.rules, ...egress.rules];
}

/** Equal for units with the same rules about the same peers. */
function textOfPeers(units: readonly RuleUnit[]): string {
  const rules = units.flatMap(rulesOfUnit);
  return JSON.stringify(
    rules.map(({ origin, peers }) => [origin.direction, origin.section, peers?.map(({ text }) => text)]),
  );
}
