// SPDX-License-Identifier: Apache-2.0
// The endpoint reconciler's operations: rows into policy sets, slots, addresses and program links.
import { randomInt } from "node:crypto";
import { toError } from "../core/index.ts";
import type { EndpointConfigRow, LxcRow } from "../datapath/index.ts";
import type { EndpointConfig, EndpointDeps, ResolvedEndpointPolicy } from "./deps.ts";
import type { PolicySets } from "./policy-sets.ts";
import { type EndpointRow, endpointAddresses, type RealizedPolicy } from "./types.ts";

/** What a regeneration gave. */
export interface Realized {
  readonly row: EndpointRow;
  readonly policy: RealizedPolicy;
}

interface Prepared extends Realized {
  /** As it is in the end; `moved` when its revision is another than before. */
  readonly slot: EndpointConfigRow;
  readonly moved: boolean;
}

/** Brings the kernel to what rows say, one thing after the other. Holds which sets each endpoint uses. */
export class EndpointRealizer {
  readonly #deps: EndpointDeps;
  readonly #config: EndpointConfig;
  readonly #sets: PolicySets;
  readonly #isCurrent: (row: EndpointRow) => boolean;
  /** Sets that each endpoint's slot names, or may name after a failed write; to be given back. */
  readonly #held = new Map<number, readonly number[]>();
  /** Endpoints whose revision still has to move, since a write failed after the sets were in the slot. */
  readonly #torn = new Set<number>();
  #turn: Promise<unknown> = Promise.resolve();

  /** `isCurrent`: whether this is (still) the endpoint's row; others are left to whoever changed it. */
  constructor(deps: EndpointDeps, config: EndpointConfig, sets: PolicySets, isCurrent: (row: EndpointRow) => boolean) {
    this.#isCurrent = isCurrent;
    this.#deps = deps;
    this.#config = config;
    this.#sets = sets;
  }

  /** Takes over what the kernel holds from an earlier run. Call once, when the sets are loaded. */
  adopt(slots: readonly EndpointConfigRow[]): void {
    for (const { id, ingressSet, egressSet } of slots) {
      const sets = setsOf({ ingressSet, egressSet });
      for (const set of sets) this.#sets.adopt(set);
      this.#held.set(id, sets);
    }
  }

  /**
   * Regenerates active endpoints. Order matters: sets are written whole, then the slots flip, then the programs are
   * attached, then addresses lead to the slot, and only then old sets go. An endpoint that fails keeps what it had,
   * and the others go on.
   */
  update(rows: readonly EndpointRow[]): Promise<{ done: Realized[]; failed: Map<number, Error> }> {
    return this.#inTurn(async () => {
      const failed = new Map<number, Error>();
      const prepared: Prepared[] = [];
      for (const row of rows.filter(this.#isCurrent)) {
        try {
          prepared.push(this.#prepare(row));
        } catch (thrown) {
          failed.set(row.id, toError(thrown));
        }
      }
      const retired: number[] = [];
      const flipped = this.#flip(prepared, failed, retired);
      const attached: Prepared[] = [];
      for (const endpoint of flipped) {
        const { id, ifindex, interfaceName: hostDevice } = endpoint.row;
        try {
          await this.#deps.datapath.ensureEndpointAttached({ id, ifindex, hostDevice });
          attached.push(endpoint);
        } catch (thrown) {
          failed.set(id, toError(thrown));
        }
      }
      const { lxc } = this.#deps.datapath.maps;
      const done = writeEach(attached, failed, (some) => lxc.upsertMany(some.flatMap(({ row }) => addressRows(row))));
      for (const set of retired) this.#sets.release(set);
      return { done, failed };
    });
  }

  /** Takes endpoints out of the kernel: addresses first, so that nothing is delivered to a slot that is cleared. */
  remove(rows: readonly EndpointRow[]): Promise<void> {
    return this.#inTurn(async () => {
      const { maps } = this.#deps.datapath;
      maps.lxc.deleteMany(rows.flatMap((row) => endpointAddresses(row).map((address) => ({ address }))));
      for (const row of rows) await this.#deps.datapath.detachEndpoint(row.id);
      this.#clear(rows.map(({ id }) => id));
    });
  }

  /**
   * Removes what no row wants: addresses, links, slots and sets of endpoints that are no more. Endpoints of `kept`
   * stay as the kernel has them.
   */
  prune(rows: readonly EndpointRow[], kept: ReadonlySet<number>): Promise<void> {
    return this.#inTurn(async () => {
      const { datapath } = this.#deps;
      const { lxc, endpoints } = datapath.maps;
      const wanted = kept.union(new Set(rows.map(({ id }) => id)));
      const addresses = new Set(rows.flatMap(endpointAddresses));
      // The node's own addresses are the datapath's.
      lxc.deleteMany(
        lxc.list().filter(({ address, endpointId, host }) => !host && !addresses.has(address) && !kept.has(endpointId)),
      );
      for (const id of datapath.attachedEndpoints()) if (!wanted.has(id)) await datapath.detachEndpoint(id);
      const slots = endpoints.list().map(({ id }) => id);
      this.#clear([...slots, ...this.#held.keys()].filter((id) => !wanted.has(id)));
      this.#sets.prune();
    });
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action, action);
    this.#turn = turn;
    return turn;
  }

  /** Slots first: a set goes when nothing names it any more. */
  #clear(ids: readonly number[]): void {
    this.#deps.datapath.maps.endpoints.deleteMany(ids.map((id) => ({ id })));
    for (const id of ids) {
      for (const set of this.#held.get(id) ?? []) this.#sets.release(set);
      this.#held.delete(id);
      this.#torn.delete(id);
    }
  }

  #prepare(row: EndpointRow): Prepared {
    const { identity, identityLabels } = row;
    if (identity === undefined || identityLabels === undefined) {
      throw new Error(`Cannot regenerate endpoint ${row.id}: it has no identity`);
    }
    const resolved = this.#deps.resolvePolicy(identityLabels, identity);
    const previous = this.#deps.datapath.maps.endpoints.get(row.id);
    const { ingressEnforced, egressEnforced, revision } = resolved;
    const policy = { revision, ingressEnforced, egressEnforced, ...this.#acquireBoth(resolved) };
    const moved = previous !== undefined && (this.#torn.has(row.id) || !this.#keepsAll(policy, previous));
    const slot: EndpointConfigRow = {
      id: row.id,
      mac: row.mac,
      nodeMac: row.nodeMac,
      ifindex: row.ifindex,
      ...(row.ipv4 === undefined ? {} : { ipv4: row.ipv4 }),
      ...(row.ipv6 === undefined ? {} : { ipv6: row.ipv6 }),
      identity,
      ingressSet: policy.ingressSet,
      egressSet: policy.egressSet,
      policyRevision: previous === undefined ? firstRevision() : plus(previous.policyRevision, moved ? 2 : 0),
      enforceIngress: ingressEnforced,
      enforceEgress: egressEnforced,
      audit: this.#config.auditMode,
      ready: true,
    };
    return { row, policy, slot, moved };
  }

  /**
   * Writing a slot is a copy, not one atomic step: a packet may see the new revision together with an old set. So where
   * permissions may have gone, the revision moves with the sets (whatever ends the agent now, no flow keeps what it
   * lost), and once more behind them, for the flows of such packets. Sets that no slot names any more are `retired`.
   */
  #flip(prepared: readonly Prepared[], failed: Map<number, Error>, retired: number[]): readonly Prepared[] {
    const { endpoints } = this.#deps.datapath.maps;
    const moved = prepared.filter((endpoint) => endpoint.moved);
    for (const { row } of moved) this.#torn.add(row.id);
    const first = ({ slot, moved }: Prepared) =>
      moved ? { ...slot, policyRevision: plus(slot.policyRevision, -1) } : slot;
    writeEach(prepared, failed, (some) => endpoints.upsertMany(some.map(first)));
    for (const endpoint of prepared) retired.push(...this.#swapSets(endpoint, failed.has(endpoint.row.id)));
    const stillMoving = moved.filter(({ row }) => !failed.has(row.id));
    for (const { row } of writeEach(stillMoving, failed, (some) =>
      endpoints.upsertMany(some.map(({ slot }) => slot)),
    )) {
      this.#torn.delete(row.id);
    }
    return prepared.filter(({ row }) => !failed.has(row.id));
  }

  #acquireBoth(resolved: ResolvedEndpointPolicy): Pick<RealizedPolicy, "ingressSet" | "egressSet"> {
    const ingressSet = this.#acquire(resolved, "ingress");
    try {
      return { ingressSet, egressSet: this.#acquire(resolved, "egress") };
    } catch (error) {
      if (ingressSet !== 0) this.#sets.release(ingressSet);
      throw error;
    }
  }

  #acquire(resolved: ResolvedEndpointPolicy, direction: "ingress" | "egress"): number {
    const enforced = direction === "ingress" ? resolved.ingressEnforced : resolved.egressEnforced;
    if (!enforced) return 0;
    return this.#sets.acquire(resolved.entries.filter((entry) => entry.direction === direction));
  }

  /** Whether no established flow can have lost its permission. */
  #keepsAll(policy: RealizedPolicy, previous: EndpointConfigRow): boolean {
    return (
      previous.audit === this.#config.auditMode &&
      this.#keeps(previous.enforceIngress, previous.ingressSet, policy.ingressEnforced, policy.ingressSet) &&
      this.#keeps(previous.enforceEgress, previous.egressSet, policy.egressEnforced, policy.egressSet)
    );
  }

  #keeps(wasEnforced: boolean, oldSet: number, isEnforced: boolean, newSet: number): boolean {
    if (!isEnforced) return !wasEnforced;
    return wasEnforced && this.#sets.onlyAdds(oldSet, newSet);
  }

  /**
   * The endpoint now holds the sets in its slot; after a failed write the slot may name the old or the new ones.
   * Returns the sets to be given back.
   */
  #swapSets({ row, policy }: Prepared, writeFailed: boolean): readonly number[] {
    const old = this.#held.get(row.id) ?? [];
    const sets = setsOf(policy);
    const added = sets.filter((set, index) => !old.includes(set) && sets.indexOf(set) === index);
    this.#held.set(row.id, writeFailed ? [...old, ...added] : sets);
    return writeFailed ? sets.filter((set, index) => old.includes(set) || sets.indexOf(set) !== index) : old;
  }
}

/**
 * Writes everything at once. When that fails, each item by itself, so that only those that cannot be written fail.
 * Returns what was written.
 */
function writeEach<T extends Realized>(
  items: readonly T[],
  failed: Map<number, Error>,
  write: (some: readonly T[]) => void,
): T[] {
  const tryWrite = (some: readonly T[]): Error | undefined => {
    try {
      if (some.length > 0) write(some);
      return undefined;
    } catch (thrown) {
      return toError(thrown);
    }
  };
  if (tryWrite(items) === undefined) return [...items];
  return items.filter((item) => {
    const error = tryWrite([item]);
    if (error !== undefined) failed.set(item.row.id, error);
    return error === undefined;
  });
}

/** Random, so that conntrack entries of an earlier owner of an endpoint's addresses never pass for its own. */
function firstRevision(): number {
  return randomInt(1, 2 ** 32 - 1);
}

function plus(revision: number, steps: number): number {
  return (revision + steps) >>> 0;
}

function setsOf({ ingressSet, egressSet }: Pick<RealizedPolicy, "ingressSet" | "egressSet">): number[] {
  return [ingressSet, egressSet].filter((set) => set !== 0);
}

function addressRows(row: EndpointRow): LxcRow[] {
  return endpointAddresses(row).map((address) => ({ address, endpointId: row.id, host: false }));
}
