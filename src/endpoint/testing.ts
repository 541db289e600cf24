// SPDX-License-Identifier: Apache-2.0
// For tests: what endpoints need of the rest of the agent, in memory, with a log of every write in order.
import type { Labels } from "../core/index.ts";
import {
  type Direction,
  type EndpointConfigRow,
  type EndpointDevice,
  type EndpointsMap,
  type LxcMap,
  type LxcRow,
  type MapUsage,
  type OwnMonitor,
  type PolicyMap,
  type PolicyMapEntry,
  type PolicyMapRow,
  type PolicyPeers,
  type PortList,
  portList,
} from "../datapath/index.ts";
import type { IdentityRow } from "../identity/index.ts";
import { Errno, SyscallError } from "../kernel/index.ts";
import type { EndpointDefaults } from "./agent-switch.ts";
import type { EndpointAddressPool, EndpointAnnouncer, EndpointDatapath, PeerPorts } from "./deps.ts";
import type { EndpointRow } from "./types.ts";

/** Called with each write before it is done; throws to make it fail. */
export type WriteLog = (write: string) => void;

/** Options of an agent as it is by default. */
export const agentDefaults = {
  auditMode: { on: false },
  sourceIpVerification: { on: true },
  debugPolicy: { on: false },
} satisfies EndpointDefaults;

/** An ingress entry that allows TCP to one port. */
export function allow(identity: number, port: number, cookie = 1): PolicyMapEntry {
  return {
    ...{ direction: "ingress", identity, protocol: 6, port, portPrefix: 16 },
    ...{ verdict: "allow", cookie, proxyPort: 0, authType: 0 },
  } as const;
}

/** A policy that follows nobody, of these entries. */
export function peerPorts(entries: readonly PolicyMapEntry[]): PeerPorts {
  return new FollowingPeers(entries);
}

/** A policy of these entries, whose peers can change. */
export class FollowingPeers implements PeerPorts {
  readonly groups = new Map<number, ReadonlyMap<number, PolicyMapEntry>>();
  version = 0;
  #changed: number[] = [];

  constructor(entries: readonly PolicyMapEntry[]) {
    for (const [identity, some] of Map.groupBy(entries, (entry) => entry.identity)) {
      this.groups.set(identity, new Map(some.entries()));
    }
  }

  set(identity: number, entries: readonly PolicyMapEntry[]): void {
    if (entries.length === 0) this.groups.delete(identity);
    else this.groups.set(identity, new Map(entries.entries()));
    this.version++;
    this.#changed.push(identity);
  }

  /** What changed so far. */
  forget(): void {
    this.#changed = [];
  }

  changedSince(version: number): Iterable<number> | undefined {
    const count = this.version - version;
    return count > this.#changed.length ? undefined : this.#changed.slice(this.#changed.length - count);
  }
}

/** Policy sets; `capacity` bounds their entries. */
export class MemoryPolicyMap implements PolicyMap {
  readonly #sets = new Map<number, { readonly direction: Direction; readonly peers: Map<number, PortList> }>();
  #retired: [number[], number[]] = [[], []];
  capacity = 100;
  readonly #log: WriteLog;

  constructor(log: WriteLog = () => {}) {
    this.#log = log;
  }

  get rows(): PolicyMapRow[] {
    return [...this.#sets].flatMap(([set, { direction, peers }]) =>
      [...peers].flatMap(([identity, { entries }]) => entries.map((entry) => ({ ...entry, set, identity, direction }))),
    );
  }

  writePeers(set: number, direction: Direction, peers: PolicyPeers): void {
    this.#log(`policy write ${set}`);
    this.#put(set, direction, peers);
  }

  changePeers(set: number, direction: Direction, changes: ReadonlyMap<number, PortList | undefined>): void {
    this.#log(`policy change ${set}`);
    const peers = new Map<number, PortList | undefined>([...this.peers(set), ...changes]);
    this.#put(set, direction, peers);
  }

  writeSet(set: number, entries: readonly PolicyMapEntry[]): void {
    const direction = entries[0]?.direction ?? "ingress";
    const byPeer = Map.groupBy(entries, ({ identity }) => identity);
    const lists = Array.from(byPeer, ([identity, some]) => {
      const ports = some.map(({ identity: _, direction: __, ...entry }) => entry);
      return [identity, portList(ports)] as const;
    });
    this.writePeers(set, direction, new Map(lists));
  }

  peers(set: number): PolicyPeers {
    return this.#sets.get(set)?.peers ?? new Map();
  }

  retireSet(set: number): void {
    this.#log(`policy retire ${set}`);
    this.#retired[0].push(set);
  }

  collect(): boolean {
    const [never, once] = this.#retired;
    for (const set of [...once]) {
      this.deleteSet(set);
      once.shift();
    }
    this.#retired = [[], never];
    return never.length > 0;
  }

  deleteSet(set: number): number {
    this.#log(`policy delete ${set}`);
    const before = this.rows.length;
    this.#sets.delete(set);
    return before - this.rows.length;
  }

  list(set?: number): PolicyMapRow[] {
    return this.rows.filter((row) => set === undefined || row.set === set);
  }

  sets(): number[] {
    return [...this.#sets.keys()].sort((a, b) => a - b);
  }

  direction(set: number): Direction | undefined {
    return this.#sets.get(set)?.direction;
  }

  usage(): readonly MapUsage[] {
    return [{ map: "cilium_policy_v2_peers", entries: this.rows.length, capacity: this.capacity }];
  }

  #put(set: number, direction: Direction, lists: ReadonlyMap<number, PortList | undefined>): void {
    const peers = new Map<number, PortList>();
    for (const [identity, list] of lists) if (list !== undefined) peers.set(identity, list);
    const before = this.#sets.get(set);
    this.#sets.set(set, { direction, peers });
    if (this.rows.length > this.capacity) {
      if (before === undefined) this.#sets.delete(set);
      else this.#sets.set(set, before);
      throw new SyscallError({ call: "bpf", errno: Errno.E2BIG, what: "Cannot write policy set" });
    }
    if (peers.size === 0) this.#sets.delete(set);
  }
}

/** A kernel that lives as long as the object: hand it to a second manager for a restart. */
export class MemoryDatapath implements EndpointDatapath {
  /** Writes since the last `takeWrites()`. */
  #writes: string[] = [];
  readonly links = new Map<number, EndpointDevice>();
  readonly slots = new Map<number, EndpointConfigRow>();
  readonly addresses = new Map<string, LxcRow>();
  readonly policy = new MemoryPolicyMap((write) => this.#write(write));
  readonly maps: EndpointDatapath["maps"];
  expected: readonly number[] = [];
  ownMonitors: readonly OwnMonitor[] = [];
  /** Makes writes fail that it returns an error for. */
  refuse: (write: string) => Error | undefined = () => undefined;
  /** Awaited by each attaching. */
  attaching: Promise<void> = Promise.resolve();
  /** Awaited by each detaching. */
  detaching: Promise<void> = Promise.resolve();

  constructor() {
    const setOwnMonitors = (own: Iterable<OwnMonitor>) => {
      this.ownMonitors = [...own];
    };
    const runtimeConfig = { setOwnMonitors };
    this.maps = { endpoints: this.#endpointsMap(), lxc: this.#lxcMap(), policy: this.policy, runtimeConfig };
  }

  takeWrites(): string[] {
    return this.#writes.splice(0);
  }

  async attachEndpoint(endpoint: EndpointDevice): Promise<void> {
    this.#write(`attach ${endpoint.id}`);
    await this.attaching;
    this.links.set(endpoint.id, endpoint);
  }

  async ensureEndpointAttached(endpoint: EndpointDevice): Promise<boolean> {
    if (this.links.get(endpoint.id)?.ifindex === endpoint.ifindex) return true;
    await this.attachEndpoint(endpoint);
    return false;
  }

  async detachEndpoint(id: number): Promise<void> {
    this.#write(`detach ${id}`);
    await this.detaching;
    this.links.delete(id);
  }

  expectEndpoints(ids: readonly number[]): void {
    this.expected = ids;
  }

  attachedEndpoints(): readonly number[] {
    return [...this.links.keys()];
  }

  #write(write: string): void {
    const error = this.refuse(write);
    if (error !== undefined) throw error;
    this.#writes.push(write);
  }

  #endpointsMap(): EndpointsMap {
    return {
      get: (id) => this.slots.get(id),
      list: () => [...this.slots.values()],
      markChanging: (ids) => {
        for (const id of ids) {
          const slot = this.slots.get(id);
          if (slot === undefined || slot.changing === true) continue;
          this.#write(`slot ${id} changing`);
          this.slots.set(id, { ...slot, changing: true });
        }
      },
      upsertMany: (rows) => {
        for (const row of rows) {
          const { id, identity, ingressSet, egressSet, policyRevision } = row;
          this.#write(`slot ${id} identity ${identity} sets ${ingressSet}/${egressSet} revision ${policyRevision}`);
          this.slots.set(id, row);
        }
      },
      deleteMany: (keys) => {
        const present = keys.filter(({ id }) => this.slots.has(id));
        for (const { id } of present) {
          this.#write(`slot ${id} cleared`);
          this.slots.delete(id);
        }
        return present.length;
      },
    };
  }

  #lxcMap(): LxcMap {
    return {
      list: () => [...this.addresses.values()],
      upsertMany: (rows) => {
        for (const row of rows) {
          this.#write(`address ${row.address} to ${row.endpointId}`);
          this.addresses.set(row.address, row);
        }
      },
      deleteMany: (keys) => {
        const present = keys.filter(({ address }) => this.addresses.has(address));
        for (const { address } of present) {
          this.#write(`address ${address} removed`);
          this.addresses.delete(address);
        }
        return present.length;
      },
    };
  }
}

/** Identities by labels, from 300; counts references. */
export class MemoryIdentities {
  readonly #ids = new Map<string, number>();
  readonly references = new Map<number, number>();
  /** Set to make requests fail. */
  failure: Error | undefined;
  /** Awaited by each request. */
  answering: Promise<void> = Promise.resolve();
  asked = 0;

  idOf(labels: Labels): number {
    const id = this.#ids.get(labels.canonical) ?? 300 + this.#ids.size;
    this.#ids.set(labels.canonical, id);
    return id;
  }

  async allocate(labels: Labels): Promise<IdentityRow> {
    this.asked++;
    await this.answering;
    if (this.failure !== undefined) throw this.failure;
    const id = this.idOf(labels);
    this.references.set(id, (this.references.get(id) ?? 0) + 1);
    return { id, labels, source: "memory" };
  }

  async release(id: number): Promise<boolean> {
    const left = (this.references.get(id) ?? 0) - 1;
    if (left < 0) throw new Error(`Identity ${id} was released once too often`);
    if (left === 0) this.references.delete(id);
    else this.references.set(id, left);
    return left === 0;
  }
}

/** Owners by address. */
export class MemoryAddresses implements EndpointAddressPool {
  readonly owners = new Map<string, string>();

  take(address: string, owner: string): void {
    const present = this.owners.get(address) ?? owner;
    if (present !== owner) throw new Error(`Cannot take ${address}: in use by "${present}"`);
    this.owners.set(address, owner);
  }

  release(address: string): void {
    if (!this.owners.delete(address)) throw new Error(`${address} was released twice`);
  }
}

/** Announced identities by endpoint. */
export class MemoryAnnouncer implements EndpointAnnouncer {
  readonly announced = new Map<number, number | undefined>();

  announce(row: EndpointRow): void {
    this.announced.set(row.id, row.identity);
  }

  withdraw(row: EndpointRow): void {
    this.announced.delete(row.id);
  }
}
