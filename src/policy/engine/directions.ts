// SPDX-License-Identifier: Apache-2.0
// Compiled directions, each once for all endpoints for which the same rules hold in it.
import { type EntryChange, updatePeers } from "../entries/compiled.ts";
import { CompiledDirection, type DirectionDeps } from "../entries/direction.ts";
import type { Reading, ResolvedPolicy } from "../resolve/resolve.ts";
import type { RuleUnit } from "../resolve/units.ts";
import type { CachedSelector, SelectorChange } from "../selectors/cache.ts";
import type { Direction } from "../types.ts";

/** A compiled direction and how many policies use it. */
export interface SharedDirection {
  readonly key: string;
  readonly compiled: CompiledDirection;
  users: number;
}

/** What a change of identities did to a direction. */
export interface DirectionChange {
  readonly direction: SharedDirection;
  readonly change: EntryChange;
}

/** Counts users; the last one's release forgets a direction. */
export class SharedDirections {
  readonly #deps: DirectionDeps;
  readonly #byKey = new Map<string, SharedDirection>();
  readonly #bySelector = new Map<CachedSelector, Set<SharedDirection>>();
  readonly #serials = new WeakMap<RuleUnit, number>();
  #nextSerial = 0;

  constructor(deps: DirectionDeps) {
    this.#deps = deps;
  }

  /** Equal for directions in which the same specs (not: specs with equal contents) hold in the same way. */
  keyOf(direction: Direction, { [direction]: resolved, units, variant }: ResolvedPolicy): string {
    const readings = [resolved.real, resolved.unaudited, resolved.staged].map(describeReading);
    const present = units.filter((unit) => unit[direction].present).map((unit) => this.#serialOf(unit));
    return `${direction},${resolved.enforced},${readings.join(",")}${variant}:${present.join(",")}`;
  }

  /** A direction of a policy, compiled if it was not yet. Give it back with `release`. */
  acquire(direction: Direction, policy: ResolvedPolicy): SharedDirection {
    const key = this.keyOf(direction, policy);
    const shared = this.#byKey.get(key) ?? this.#add(key, this.compile(direction, policy));
    shared.users++;
    return shared;
  }

  release(shared: SharedDirection): void {
    shared.users--;
    if (shared.users > 0) return;
    this.#byKey.delete(shared.key);
    for (const selector of shared.compiled.selectors) {
      const users = this.#bySelector.get(selector);
      users?.delete(shared);
      if (users?.size === 0) this.#bySelector.delete(selector);
    }
  }

  /** A direction by itself, which follows nothing. */
  compile(direction: Direction, policy: ResolvedPolicy): CompiledDirection {
    return new CompiledDirection(direction, policy[direction], this.#deps);
  }

  /** Passes changes of selectors on to the directions that use them. */
  apply(changes: Iterable<SelectorChange>): readonly DirectionChange[] {
    const concerned = new Map<SharedDirection, Set<number>>();
    for (const { selector, added, removed } of changes) {
      for (const shared of this.#bySelector.get(selector) ?? []) {
        const identities = concerned.get(shared) ?? new Set();
        for (const id of added) identities.add(id);
        for (const id of removed) identities.add(id);
        concerned.set(shared, identities);
      }
    }
    return update(concerned);
  }

  /** Passes a change of an identity's named ports on to the directions that use such ports of their peers. */
  portsChanged(identity: number): readonly DirectionChange[] {
    const users = [...this.#byKey.values()].filter(({ compiled }) => compiled.usesNames);
    return update(new Map(users.map((shared) => [shared, [identity]])));
  }

  #add(key: string, compiled: CompiledDirection): SharedDirection {
    const shared: SharedDirection = { key, compiled, users: 0 };
    this.#byKey.set(key, shared);
    for (const selector of compiled.selectors) {
      const users = this.#bySelector.get(selector);
      if (users === undefined) this.#bySelector.set(selector, new Set([shared]));
      else users.add(shared);
    }
    return shared;
  }

  #serialOf(unit: RuleUnit): number {
    const serial = this.#serials.get(unit) ?? ++this.#nextSerial;
    this.#serials.set(unit, serial);
    return serial;
  }
}

function update(concerned: ReadonlyMap<SharedDirection, Iterable<number>>): readonly DirectionChange[] {
  return Array.from(concerned, ([direction, identities]) => ({
    direction,
    change: updatePeers(direction.compiled, identities),
  })).filter(({ change }) => change.added.length + change.removed.length > 0);
}

function describeReading(reading: Reading | undefined): string {
  return reading === undefined ? "" : `${reading.standing.defaultDeny}/${reading.standing.host}`;
}
