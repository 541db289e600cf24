// SPDX-License-Identifier: Apache-2.0
// The endpoint reconciler's operations: rows into policy sets, slots, addresses and program links.
import { randomInt } from "node:crypto";
import { toError } from "../core/index.ts";
import type { Direction, EndpointConfigRow, LxcRow } from "../datapath/index.ts";
import type { EndpointConfig, EndpointDeps, PeerPorts, ResolvedEndpointPolicy } from "./deps.ts";
import { eachOf, writeRows } from "./each.ts";
import { HeldSets } from "./held-sets.ts";
import { isAudited } from "./options.ts";
import { namingLargest } from "./policy-overflow.ts";
import { PolicySets } from "./policy-sets.ts";
import { endpointSlot } from "./slot.ts";
import { directions, isEnforced, setOf, setsOf } from "./slot-sets.ts";
import { type EndpointRow, endpointAddresses, type RealizedPolicy } from "./types.ts";

/** What a regeneration gave. */
export interface Realized {
  readonly row: EndpointRow;
  readonly policy: RealizedPolicy;
}

/** A row with the policy that it shall have, and its slot as it is. */
interface Plan {
  readonly row: EndpointRow;
  readonly resolved: ResolvedEndpointPolicy;
  readonly previous: EndpointConfigRow | undefined;
}

interface Prepared extends Realized {
  /** As it is in the end; `moved` when its revision is another than before. */
  readonly slot: EndpointConfigRow;
  readonly moved: boolean;
  /** It moves, and other sets come with it. */
  readonly twice: boolean;
}

const collectMs = 1000;

/** Brings the kernel to what rows say, one thing after the other. Holds which sets each endpoint uses. */
export class EndpointRealizer {
  readonly #deps: EndpointDeps;
  readonly #config: EndpointConfig;
  readonly #sets: PolicySets;
  readonly #isCurrent: (row: EndpointRow) => boolean;
  readonly #held = new HeldSets();
  /** Endpoints whose revision still has to move, since a write failed after the sets were in the slot. */
  readonly #torn = new Set<number>();
  #collecting: Disposable | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** `isCurrent`: whether this is (still) the endpoint's row; others are left to whoever changed it. */
  constructor(deps: EndpointDeps, config: EndpointConfig, isCurrent: (row: EndpointRow) => boolean) {
    this.#isCurrent = isCurrent;
    this.#deps = deps;
    this.#config = config;
    this.#sets = new PolicySets(
      () => deps.datapath.maps.policy,
      (set) => this.#markChanging(set),
    );
  }

  /** Takes over what the kernel holds from an earlier run. Call once, before anything else. */
  adopt(slots: readonly EndpointConfigRow[]): void {
    this.#sets.load();
    for (const slot of slots) {
      for (const direction of directions) {
        const set = setOf(slot, direction);
        if (set !== 0) this.#sets.adopt(set, direction);
      }
      this.#held.put(slot.id, setsOf(slot), (set) => this.#sets.losses(set));
      if (slot.changing === true) this.#torn.add(slot.id);
    }
  }

  /** Sets and entries in the kernel. */
  size(): { sets: number; entries: number } {
    return this.#sets.size();
  }

  /** Ends what would go on by itself. */
  stop(): void {
    this.#collecting?.[Symbol.dispose]();
    this.#collecting = undefined;
  }

  /**
   * Regenerates active endpoints. Order matters: sets are as they shall be, then the slots flip, then the programs are
   * attached, then addresses lead to the slot, and only then old sets go. An endpoint that fails keeps what it had,
   * and the others go on.
   */
  update(rows: readonly EndpointRow[]): Promise<{ done: Realized[]; failed: Map<number, Error> }> {
    return this.#inTurn(async () => {
      const failed = new Map<number, Error>();
      const plans = eachOf(rows.filter(this.#isCurrent), failed, (row) => this.#plan(row));
      const leaving = this.#setsLeft(plans);
      const prepared = eachOf(plans, failed, (plan) => this.#prepare(plan, leaving));
      const retired: number[] = [];
      const flipped = this.#flip(prepared, failed, retired);
      const attached: Prepared[] = [];
      for (const endpoint of flipped) {
        const { id } = endpoint.row;
        try {
          if (endpoint.row.host !== true) await this.#ensureAttached(endpoint.row);
          attached.push(endpoint);
        } catch (thrown) {
          failed.set(id, toError(thrown));
        }
      }
      const { lxc } = this.#deps.datapath.maps;
      const done = writeRows(attached, failed, (some) => lxc.upsertMany(some.flatMap(({ row }) => addressRows(row))));
      for (const set of retired) this.#sets.release(set);
      this.#collectLater();
      return { done, failed };
    });
  }

  /** Filters of others on a device would run before ours: there our programs begin as links, which go first. */
  async #ensureAttached(row: EndpointRow): Promise<void> {
    const { id, ifindex, interfaceName: hostDevice, mac, traits } = row;
    const { datapath } = this.#deps;
    if (traits?.ipvlan === true) {
      const { netnsPath, containerInterfaceName: interfaceName } = row;
      const slave = { netnsPath, interfaceName, addresses: endpointAddresses(row) };
      await datapath.ensureEndpointAttached({ id, ifindex, hostDevice, slave });
      return;
    }
    // Where others made the device, they route to it.
    const routed = traits === undefined ? { routed: { mac, addresses: endpointAddresses(row) } } : {};
    const device = { id, ifindex, hostDevice, ...routed };
    if (traits?.byStack === true && !datapath.attachedEndpoints().includes(id)) await datapath.attachEndpoint(device);
    else await datapath.ensureEndpointAttached(device);
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
      this.#clear([...slots, ...this.#held.endpoints()].filter((id) => !wanted.has(id)));
      this.#sets.prune();
    });
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action, action);
    this.#turn = turn;
    return turn;
  }

  /** Frees old sets and lists when no program can be reading them any more. */
  #collectLater(): void {
    this.#collecting ??= this.#deps.clock.after(collectMs, () => {
      this.#collecting = undefined;
      void this.#inTurn(async () => {
        if (this.#sets.collect()) this.#collectLater();
      });
    });
  }

  /** Slots first: a set goes when nothing names it any more. */
  #clear(ids: readonly number[]): void {
    this.#deps.datapath.maps.endpoints.deleteMany(ids.map((id) => ({ id })));
    for (const id of ids) {
      for (const set of this.#held.delete(id)) this.#sets.release(set);
      this.#torn.delete(id);
    }
    if (ids.length > 0) this.#collectLater();
  }

  #plan(row: EndpointRow): Plan {
    const { identity, identityLabels } = row;
    if (identity === undefined || identityLabels === undefined) {
      throw new Error(`Cannot regenerate endpoint ${row.id}: it has no identity`);
    }
    const resolved = this.#deps.resolvePolicy(identityLabels, identity);
    return { row, resolved, previous: this.#deps.datapath.maps.endpoints.get(row.id) };
  }

  /** Sets whose holders are all among the plans and go the same way: these may change in place. */
  #setsLeft(plans: readonly Plan[]): ReadonlySet<number> {
    const ways = new Map<number, { readonly policies: Set<PeerPorts | undefined>; holders: number }>();
    for (const { previous, resolved } of plans) {
      for (const direction of previous === undefined ? [] : directions) {
        const set = previous === undefined ? 0 : setOf(previous, direction);
        if (set === 0) continue;
        const way = ways.get(set) ?? { policies: new Set(), holders: 0 };
        way.policies.add(isEnforced(resolved, direction) ? resolved.peers[direction] : undefined);
        way.holders++;
        ways.set(set, way);
      }
    }
    const left = [...ways].filter(
      ([set, { policies, holders }]) =>
        policies.size === 1 && !policies.has(undefined) && holders === this.#held.holders(set).size,
    );
    return new Set(left.map(([set]) => set));
  }

  #prepare({ row, resolved, previous }: Plan, leaving: ReadonlySet<number>): Prepared {
    const { ingressEnforced, egressEnforced, revision } = resolved;
    const sets = this.#acquireBoth({ row, resolved, previous }, leaving);
    const policy = { revision, ingressEnforced, egressEnforced, ...sets };
    const moved = previous !== undefined && (this.#torn.has(row.id) || !this.#keepsAll(row, policy, previous));
    const policyRevision = previous === undefined ? firstRevision() : plus(previous.policyRevision, moved ? 2 : 0);
    const slot = endpointSlot(row, policy, policyRevision, this.#config);
    const same = (direction: Direction) =>
      previous !== undefined &&
      setOf(previous, direction) === setOf(slot, direction) &&
      isEnforced(previous, direction) === isEnforced(slot, direction);
    const atOnce = previous?.audit === slot.audit && directions.every(same);
    return { row, policy, slot, moved, twice: moved && !atOnce };
  }

  /**
   * Writing a slot is a copy, not one atomic step: a packet may see the new revision together with an old set. So where
   * permissions may have gone, the revision moves with the sets (whatever ends the agent now, no flow keeps what it
   * lost), and once more behind them, for the flows of such packets. Where the slot names the sets that it named before
   * once is enough. Sets that no slot names any more are `retired`.
   */
  #flip(prepared: readonly Prepared[], failed: Map<number, Error>, retired: number[]): readonly Prepared[] {
    const { endpoints } = this.#deps.datapath.maps;
    const moved = prepared.filter((endpoint) => endpoint.moved);
    for (const { row } of moved) this.#torn.add(row.id);
    const first = ({ slot, twice }: Prepared) =>
      twice ? { ...slot, policyRevision: plus(slot.policyRevision, -1) } : slot;
    writeRows(prepared, failed, (some) => endpoints.upsertMany(some.map(first)));
    for (const endpoint of prepared) retired.push(...this.#swapSets(endpoint, failed.has(endpoint.row.id)));
    const stillMoving = moved.filter(({ row, twice }) => twice && !failed.has(row.id));
    writeRows(stillMoving, failed, (some) => endpoints.upsertMany(some.map(({ slot }) => slot)));
    for (const { row } of moved) if (!failed.has(row.id)) this.#torn.delete(row.id);
    return prepared.filter(({ row }) => !failed.has(row.id));
  }

  #acquireBoth(plan: Plan, leaving: ReadonlySet<number>): Pick<RealizedPolicy, "ingressSet" | "egressSet"> {
    const ingressSet = this.#acquire(plan, "ingress", leaving);
    try {
      return { ingressSet, egressSet: this.#acquire(plan, "egress", leaving) };
    } catch (error) {
      if (ingressSet !== 0) this.#sets.discard(ingressSet);
      throw error;
    }
  }

  #acquire({ resolved, previous }: Plan, direction: Direction, leaving: ReadonlySet<number>): number {
    if (!isEnforced(resolved, direction)) return 0;
    const set = previous === undefined ? 0 : setOf(previous, direction);
    const policy = resolved.peers[direction];
    return namingLargest(policy, this.#deps.policyOf, () =>
      this.#sets.acquire(direction, policy, leaving.has(set) ? set : undefined),
    );
  }

  /** Before a set in use loses something: whatever ends the agent now, its users' revisions move. */
  #markChanging(set: number): void {
    this.#deps.datapath.maps.endpoints.markChanging(this.#held.holders(set));
  }

  /** Whether no established flow can have lost its permission. */
  #keepsAll(row: EndpointRow, policy: RealizedPolicy, previous: EndpointConfigRow): boolean {
    const keeps = (direction: Direction) => {
      const [from, to] = [setOf(previous, direction), setOf(policy, direction)];
      if (!isEnforced(policy, direction)) return !isEnforced(previous, direction);
      if (!isEnforced(previous, direction) || !this.#sets.onlyAdds(from, to)) return false;
      return this.#held.lossesSeen(previous.id, from) === this.#sets.losses(from);
    };
    return previous.audit === isAudited(row, this.#config) && directions.every(keeps);
  }

  /**
   * The endpoint now holds the sets in its slot; after a failed write the slot may name the old or the new ones.
   * Returns the sets to be given back.
   */
  #swapSets({ row, policy }: Prepared, writeFailed: boolean): readonly number[] {
    const old = this.#held.of(row.id);
    const sets = setsOf(policy);
    const added = sets.filter((set) => !old.includes(set));
    const seen = (set: number) => (writeFailed ? this.#held.lossesSeen(row.id, set) : undefined);
    const losses = new Map([...old, ...added].map((set) => [set, seen(set) ?? this.#sets.losses(set)]));
    this.#held.put(row.id, writeFailed ? [...old, ...added] : sets, (set) => losses.get(set) ?? 0);
    return writeFailed ? sets.filter((set) => old.includes(set)) : old;
  }
}

/** Random, so that conntrack entries of an earlier owner of an endpoint's addresses never pass for its own. */
function firstRevision(): number {
  return randomInt(1, 2 ** 32 - 1);
}

function plus(revision: number, steps: number): number {
  return (revision + steps) >>> 0;
}

function addressRows(row: EndpointRow): LxcRow[] {
  return endpointAddresses(row).map((address) => ({ address, endpointId: row.id, host: false }));
}
