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
  readonly slot: EndpointConfigRow;
  readonly previous: EndpointConfigRow | undefined;
}

/** Brings the kernel to what rows say. Holds which sets each endpoint uses. */
export class EndpointRealizer {
  readonly #deps: EndpointDeps;
  readonly #config: EndpointConfig;
  readonly #sets: PolicySets;
  readonly #isWanted: (id: number) => boolean;
  /** Sets that each endpoint's slot names, to be given back. */
  readonly #held = new Map<number, readonly number[]>();

  /** `isWanted`: whether an endpoint that an update is under way for is (still) to be in the kernel. */
  constructor(deps: EndpointDeps, config: EndpointConfig, sets: PolicySets, isWanted: (id: number) => boolean) {
    this.#isWanted = isWanted;
    this.#deps = deps;
    this.#config = config;
    this.#sets = sets;
  }

  /**
   * Regenerates active endpoints. Order matters: sets are written whole, then the slots flip, then the programs are
   * attached, then addresses lead to the slot, and only then old sets go. An endpoint that fails keeps what it had.
   */
  async update(rows: readonly EndpointRow[]): Promise<{ done: Realized[]; failed: Map<number, Error> }> {
    const failed = new Map<number, Error>();
    const prepared: Prepared[] = [];
    const attempt = (row: EndpointRow, action: () => void) => {
      try {
        action();
      } catch (thrown) {
        failed.set(row.id, toError(thrown));
      }
    };
    for (const row of rows) attempt(row, () => prepared.push(this.#prepare(row)));
    this.#flip(prepared);
    for (const endpoint of prepared) this.#swapSets(endpoint);
    const done: Realized[] = [];
    for (const { row, policy } of prepared) {
      try {
        const { id, ifindex, interfaceName: hostDevice } = row;
        await this.#deps.datapath.ensureEndpointAttached({ id, ifindex, hostDevice });
        // Deleted meanwhile: remove() has run, or runs next; its addresses must not come back.
        if (this.#isWanted(id)) done.push({ row, policy });
      } catch (thrown) {
        failed.set(row.id, toError(thrown));
      }
    }
    this.#deps.datapath.maps.lxc.upsertMany(done.flatMap(({ row }) => addressRows(row)));
    return { done, failed };
  }

  /** Takes endpoints out of the kernel: addresses first, so that nothing is delivered to a slot that is cleared. */
  async remove(rows: readonly EndpointRow[]): Promise<void> {
    const { maps } = this.#deps.datapath;
    maps.lxc.deleteMany(rows.flatMap((row) => endpointAddresses(row).map((address) => ({ address }))));
    for (const row of rows) await this.#deps.datapath.detachEndpoint(row.id);
    maps.endpoints.deleteMany(rows.map(({ id }) => ({ id })));
    for (const row of rows) {
      for (const set of this.#held.get(row.id) ?? []) this.#sets.release(set);
      this.#held.delete(row.id);
    }
  }

  /** Removes what no row wants: slots, addresses, links and sets of endpoints that are no more. */
  async prune(rows: readonly EndpointRow[]): Promise<void> {
    const { datapath } = this.#deps;
    const wanted = new Set(rows.map((row) => row.id));
    const addresses = new Set([...rows.flatMap(endpointAddresses), ...this.#deps.hostAddresses()]);
    const strangers = datapath.maps.lxc.list().filter((row) => !addresses.has(row.address));
    datapath.maps.lxc.deleteMany(strangers);
    for (const id of datapath.attachedEndpoints()) if (!wanted.has(id)) await datapath.detachEndpoint(id);
    datapath.maps.endpoints.deleteMany(datapath.maps.endpoints.list().filter((slot) => !wanted.has(slot.id)));
    // Sets are pruned last, and only when every endpoint holds what its slot names.
    if (rows.every((row) => this.#held.has(row.id))) this.#sets.prune();
  }

  #prepare(row: EndpointRow): Prepared {
    if (row.identity === undefined) throw new Error(`Cannot regenerate endpoint ${row.id}: it has no identity`);
    const resolved = this.#deps.resolvePolicy(row.labels, row.identity);
    const previous = this.#deps.datapath.maps.endpoints.get(row.id);
    const ingressSet = this.#acquire(resolved, "ingress");
    let egressSet: number;
    try {
      egressSet = this.#acquire(resolved, "egress");
    } catch (error) {
      if (ingressSet !== 0) this.#sets.release(ingressSet);
      throw error;
    }
    const { ingressEnforced, egressEnforced, revision } = resolved;
    const policy = { revision, ingressEnforced, egressEnforced, ingressSet, egressSet };
    const slot: EndpointConfigRow = {
      id: row.id,
      mac: row.mac,
      nodeMac: row.nodeMac,
      ifindex: row.ifindex,
      ...(row.ipv4 === undefined ? {} : { ipv4: row.ipv4 }),
      ...(row.ipv6 === undefined ? {} : { ipv6: row.ipv6 }),
      identity: row.identity,
      ingressSet,
      egressSet,
      policyRevision: this.#policyRevision(policy, previous),
      enforceIngress: ingressEnforced,
      enforceEgress: egressEnforced,
      audit: this.#config.auditMode,
      ready: true,
    };
    return { row, policy, slot, previous };
  }

  /**
   * Writing a slot is a copy, not one atomic step. So the revision moves in a second write: a packet that saw a part
   * of the first one leaves a conntrack entry of the old revision, and its flow asks again.
   */
  #flip(prepared: readonly Prepared[]): void {
    const { endpoints } = this.#deps.datapath.maps;
    const moved = prepared.filter(({ slot, previous }) => previous?.policyRevision !== slot.policyRevision);
    endpoints.upsertMany(
      prepared.map(({ slot, previous }) => ({
        ...slot,
        policyRevision: previous?.policyRevision ?? slot.policyRevision,
      })),
    );
    endpoints.upsertMany(moved.map(({ slot }) => slot));
  }

  #acquire(resolved: ResolvedEndpointPolicy, direction: "ingress" | "egress"): number {
    const enforced = direction === "ingress" ? resolved.ingressEnforced : resolved.egressEnforced;
    if (!enforced) return 0;
    return this.#sets.acquire(resolved.entries.filter((entry) => entry.direction === direction));
  }

  /**
   * Stays when no established flow can have lost its permission; else the next number. A new endpoint starts at a
   * random one, so that conntrack entries of an earlier owner of its addresses never pass for its own.
   */
  #policyRevision(policy: RealizedPolicy, previous: EndpointConfigRow | undefined): number {
    if (previous === undefined) return randomInt(1, 2 ** 32 - 1);
    const same =
      previous.audit === this.#config.auditMode &&
      this.#keeps(previous.enforceIngress, previous.ingressSet, policy.ingressEnforced, policy.ingressSet) &&
      this.#keeps(previous.enforceEgress, previous.egressSet, policy.egressEnforced, policy.egressSet);
    return same ? previous.policyRevision : (previous.policyRevision + 1) >>> 0;
  }

  #keeps(wasEnforced: boolean, oldSet: number, isEnforced: boolean, newSet: number): boolean {
    if (!isEnforced) return !wasEnforced;
    return wasEnforced && this.#sets.onlyAdds(oldSet, newSet);
  }

  #swapSets(endpoint: Prepared): void {
    const old = this.#held.get(endpoint.row.id) ?? [];
    this.#held.set(
      endpoint.row.id,
      [endpoint.policy.ingressSet, endpoint.policy.egressSet].filter((set) => set !== 0),
    );
    for (const set of old) this.#sets.release(set);
  }
}

function addressRows(row: EndpointRow): LxcRow[] {
  return endpointAddresses(row).map((address) => ({ address, endpointId: row.id, host: false }));
}
