// SPDX-License-Identifier: Apache-2.0
// Policy sets of the kernel, shared by endpoints whose resolved policy is equal.
import { createLogger, toError } from "../core/index.ts";
import type { Direction, PolicyMap, PortList } from "../datapath/index.ts";
import type { PeerPorts } from "./deps.ts";
import {
  difference,
  entryCount,
  listsFor,
  onlyAdds,
  type PeerChanges,
  peersOf,
  samePeers,
  sumAfter,
  sumOf,
} from "./policy-peers.ts";

const log = createLogger("policy-sets");

interface PolicySet {
  readonly id: number;
  readonly direction: Direction;
  /** As the kernel has them. */
  readonly peers: Map<number, PortList>;
  /** Of the peers. */
  sum: number;
  users: number;
  /** How often something in it was denied, or allowed in other words, while it was in use. */
  losses: number;
  /** Policies that it was written for, and up to which version of theirs. */
  readonly policies: Map<PeerPorts, number>;
}

/**
 * Keeps one set for all that is equal. A set changes in place where all who use it go the same way, peer by peer, so
 * that no packet sees half a policy; else there is a new one, written whole before any endpoint is pointed at it. Sets
 * that an earlier run left are taken over, with the slots that name them as users, so that a restart finds every
 * endpoint on the very set it had.
 */
export class PolicySets {
  readonly #openMap: () => PolicyMap;
  readonly #beforeLoss: (set: number) => void;
  readonly #byId = new Map<number, PolicySet>();
  readonly #bySum = new Map<number, Set<PolicySet>>();
  /** The set that was last written for a policy. */
  readonly #byPolicy = new Map<PeerPorts, PolicySet>();
  #nextId = 1;

  /**
   * The map may be opened later than this is made. `beforeLoss` is called before a set that is in use loses something:
   * its users' revisions have to move when it has.
   */
  constructor(openMap: () => PolicyMap, beforeLoss: (set: number) => void = () => {}) {
    this.#openMap = openMap;
    this.#beforeLoss = beforeLoss;
  }

  /** Reads the sets in the kernel. Call once, before the first acquire. */
  load(): void {
    for (const set of this.#map.sets()) {
      this.#add(set, this.#map.direction(set) ?? "ingress", new Map(this.#map.peers(set)));
    }
  }

  /** Counts a slot of an earlier run as a user of the set that it names. A set that allows nothing has no entries. */
  adopt(id: number, direction: Direction): void {
    const set = this.#byId.get(id) ?? this.#add(id, direction, new Map());
    set.users++;
  }

  /**
   * The id of a set that says exactly what the policy says now, with one user more. `leaving`: a set whose users all
   * go over to this policy, which may become that set. Throws when the map is full; then every set is as it was.
   */
  acquire(direction: Direction, policy: PeerPorts, leaving?: number): number {
    const set = this.#current(policy) ?? this.#find(direction, policy, leaving);
    set.users++;
    return set.id;
  }

  /** Gives a set back; it goes when the last user has. Call only when no slot names it any more. */
  release(id: number): void {
    const set = this.#byId.get(id);
    if (set === undefined) return;
    set.users--;
    if (set.users > 0) return;
    this.#forget(set);
    this.#map.retireSet(id);
  }

  /** Gives back what `acquire` gave just now, and no slot has named yet. */
  discard(id: number): void {
    const set = this.#byId.get(id);
    if (set === undefined) return;
    set.users--;
    if (set.users > 0) return;
    this.#map.deleteSet(id);
    this.#forget(set);
  }

  /** Removes sets that an earlier run left and nobody uses. Returns how many. */
  prune(): number {
    const unused = [...this.#byId.values()].filter((set) => set.users <= 0);
    for (const set of unused) {
      this.#map.deleteSet(set.id);
      this.#forget(set);
    }
    return unused.length;
  }

  /** Frees what went some time ago; call it every second while it returns true. */
  collect(): boolean {
    try {
      return this.#map.collect();
    } catch (thrown) {
      log.warn("Cannot remove policy sets, trying again later", { error: toError(thrown).message });
      return true;
    }
  }

  /** Whether everything that `from` allows is allowed by `to` with the same words; then no flow has to ask again. */
  onlyAdds(from: number, to: number): boolean {
    if (from === to) return true;
    const old = this.#byId.get(from);
    const next = this.#byId.get(to);
    if (old === undefined || next === undefined) return false;
    return onlyAdds(old.peers, difference(old.peers, next.peers));
  }

  /** Moves whenever the set takes something from its users. */
  losses(id: number): number {
    return this.#byId.get(id)?.losses ?? 0;
  }

  /** How many sets there are, and the entries in all of them. */
  size(): { sets: number; entries: number } {
    let entries = 0;
    for (const { peers } of this.#byId.values()) entries += entryCount(peers);
    return { sets: this.#byId.size, entries };
  }

  get #map(): PolicyMap {
    return this.#openMap();
  }

  /** The policy's set, when the policy has not changed since. */
  #current(policy: PeerPorts): PolicySet | undefined {
    const set = this.#byPolicy.get(policy);
    return set?.policies.get(policy) === policy.version ? set : undefined;
  }

  #find(direction: Direction, policy: PeerPorts, leaving: number | undefined): PolicySet {
    const bound = this.#byPolicy.get(policy);
    const changed = bound === undefined ? undefined : policy.changedSince(bound.policies.get(policy) ?? 0);
    if (bound !== undefined && changed !== undefined && bound.id === leaving) {
      return this.#change(bound, policy, listsFor(policy, changed));
    }
    const peers = peersOf(policy);
    const sum = sumOf(peers);
    for (const set of this.#bySum.get(sum) ?? []) {
      if (set.direction === direction && samePeers(set.peers, peers)) return this.#bind(set, policy);
    }
    const old = leaving === undefined ? undefined : this.#byId.get(leaving);
    if (old?.direction === direction) return this.#change(old, policy, difference(old.peers, peers));
    const id = this.#nextId++;
    this.#map.writePeers(id, direction, peers);
    return this.#bind(this.#add(id, direction, peers), policy);
  }

  /** Lets a set that is in use say what the policy says. */
  #change(set: PolicySet, policy: PeerPorts, changes: PeerChanges): PolicySet {
    if (!onlyAdds(set.peers, changes)) {
      this.#beforeLoss(set.id);
      set.losses++;
    }
    this.#map.changePeers(set.id, set.direction, changes);
    this.#unindex(set);
    set.sum = sumAfter(set.sum, set.peers, changes);
    for (const [identity, list] of changes) {
      if (list === undefined) set.peers.delete(identity);
      else set.peers.set(identity, list);
    }
    this.#index(set);
    for (const earlier of set.policies.keys()) this.#byPolicy.delete(earlier);
    set.policies.clear();
    return this.#bind(set, policy);
  }

  #bind(set: PolicySet, policy: PeerPorts): PolicySet {
    this.#byPolicy.get(policy)?.policies.delete(policy);
    this.#byPolicy.set(policy, set);
    set.policies.set(policy, policy.version);
    return set;
  }

  #add(id: number, direction: Direction, peers: Map<number, PortList>): PolicySet {
    const set: PolicySet = { id, direction, peers, sum: sumOf(peers), users: 0, losses: 0, policies: new Map() };
    this.#nextId = Math.max(this.#nextId, id + 1);
    this.#byId.set(id, set);
    this.#index(set);
    return set;
  }

  #forget(set: PolicySet): void {
    this.#unindex(set);
    this.#byId.delete(set.id);
    for (const policy of set.policies.keys()) this.#byPolicy.delete(policy);
  }

  #index(set: PolicySet): void {
    const same = this.#bySum.get(set.sum);
    if (same === undefined) this.#bySum.set(set.sum, new Set([set]));
    else same.add(set);
  }

  #unindex(set: PolicySet): void {
    const same = this.#bySum.get(set.sum);
    same?.delete(set);
    if (same?.size === 0) this.#bySum.delete(set.sum);
  }
}
