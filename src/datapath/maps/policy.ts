// SPDX-License-Identifier: Apache-2.0
// Policy sets over cilium_policy_v2_peers and cilium_policy_v2_ports.
import type { BpfMap } from "../../kernel/index.ts";
import { DatapathError } from "../errors.ts";
import { checkPeer, decodePeer, decodePort, encodePeer, encodePeerKey } from "./policy-codec.ts";
import { type KernelList, PolicyLists } from "./policy-lists.ts";
import { portList, withAnybody } from "./port-lists.ts";
import type {
  Direction,
  MapUsage,
  PolicyMap,
  PolicyMapEntry,
  PolicyMapPort,
  PolicyMapRow,
  PolicyPeers,
  PortList,
} from "./types.ts";

interface PolicySet {
  readonly direction: Direction;
  /** List of each peer. */
  readonly peers: Map<number, KernelList>;
}

/** A peer's list now and as it shall be. */
interface Step {
  readonly identity: number;
  readonly before: KernelList | undefined;
  readonly after: KernelList | undefined;
}

/**
 * Sets over the two maps. What they hold is read at the first write and remembered; one writer at a time. Peers whose
 * lists are equal share one, in all sets.
 */
export function createPolicyMap(peers: BpfMap, ports: BpfMap): PolicyMap {
  return new PolicySets(peers, ports);
}

class PolicySets implements PolicyMap {
  readonly #map: BpfMap;
  readonly #ports: BpfMap;
  readonly #lists: PolicyLists;
  #loaded: Map<number, PolicySet> | undefined;
  /** Entries in the map of peers. */
  #entries = 0;
  /** Retired sets, by how often `collect` was called meanwhile: never, once. */
  #retired: [never: number[], once: number[]] = [[], []];

  constructor(peers: BpfMap, ports: BpfMap) {
    this.#map = peers;
    this.#ports = ports;
    this.#lists = new PolicyLists(ports);
  }

  writePeers(set: number, direction: Direction, peers: PolicyPeers): void {
    const changes = new Map<number, PortList | undefined>(peers);
    for (const identity of this.#sets().get(set)?.peers.keys() ?? []) {
      if (!peers.has(identity)) changes.set(identity, undefined);
    }
    this.changePeers(set, direction, changes);
  }

  writeSet(set: number, entries: readonly PolicyMapEntry[]): void {
    const direction = entries[0]?.direction ?? "ingress";
    if (entries.some((entry) => entry.direction !== direction)) {
      throw new DatapathError(`Cannot write policy set "${set}": a set is of one direction`);
    }
    const byPeer = Map.groupBy(entries, ({ identity }) => identity);
    const lists = Array.from(byPeer, ([identity, some]) => [identity, portList(some.map(withoutPeer))] as const);
    this.writePeers(set, direction, new Map(lists));
  }

  /**
   * Order: lists first; then named peers that get another list, each with one write; then anybody, which concerns peers
   * without an entry only; then peers without a list go. At each moment a peer has its old list or its new one.
   */
  changePeers(set: number, direction: Direction, changes: ReadonlyMap<number, PortList | undefined>): void {
    for (const identity of changes.keys()) checkPeer(set, identity);
    const known = this.#sets().get(set);
    const peers = known?.peers ?? new Map<number, KernelList>();
    const steps = this.#plan(peers, changes);
    let written: readonly Step[] = [];
    const write = (some: readonly Step[]) => {
      written = written.concat(some);
      this.#write(set, direction, some);
    };
    try {
      this.#lists.write();
      write(steps.filter(({ identity, after }) => identity !== 0 && after !== undefined));
      write(steps.filter(({ identity }) => identity === 0));
      write(steps.filter(({ identity, after }) => identity !== 0 && after === undefined));
    } catch (error) {
      // What was there needs no new room.
      this.#write(
        set,
        direction,
        written.map(({ identity, before, after }) => ({ identity, before: after, after: before })),
      );
      for (const { after } of steps) if (after !== undefined) this.#lists.release(after);
      throw error;
    }
    for (const { identity, before, after } of steps) {
      if (after === undefined) peers.delete(identity);
      else peers.set(identity, after);
      this.#entries += Number(after !== undefined) - Number(before !== undefined);
      if (before !== undefined) this.#lists.release(before);
    }
    if (peers.size === 0) this.#sets().delete(set);
    else if (known === undefined) this.#sets().set(set, { direction, peers });
  }

  peers(set: number): PolicyPeers {
    const peers = this.#sets().get(set)?.peers ?? [];
    return new Map(Array.from(peers, ([identity, list]) => [identity, list.own]));
  }

  retireSet(set: number): void {
    if (this.#sets().has(set)) this.#retired[0].push(set);
  }

  collect(): boolean {
    this.#sets();
    const [, once] = this.#retired;
    for (let set = once.at(-1); set !== undefined; set = once.at(-1)) {
      this.deleteSet(set);
      once.pop();
    }
    this.#retired = [once, this.#retired[0]];
    const more = this.#lists.collect();
    return more || this.#retired[1].length > 0;
  }

  deleteSet(set: number): number {
    const peers = this.#sets().get(set)?.peers;
    if (peers === undefined) return 0;
    const keys = new Uint8Array(peers.size * this.#map.keySize);
    let index = 0;
    let entries = 0;
    for (const [identity, list] of peers) {
      encodePeerKey(set, identity, keys, index++ * this.#map.keySize);
      entries += list.own.entries.length;
    }
    this.#map.deleteBatch(keys, peers.size);
    this.#entries -= peers.size;
    for (const list of peers.values()) this.#lists.release(list);
    this.#sets().delete(set);
    return entries;
  }

  list(set?: number): PolicyMapRow[] {
    const lists = new Map<number, PolicyMapPort[]>();
    for (const [key, value] of this.#ports.entries()) {
      const { ports, entry } = decodePort(key, value);
      const list = lists.get(ports);
      if (list === undefined) lists.set(ports, [entry]);
      else list.push(entry);
    }
    const rows: PolicyMapRow[] = [];
    for (const [key, value] of this.#map.entries()) {
      const { ports, ...peer } = decodePeer(key, value);
      if (set !== undefined && set !== peer.set) continue;
      for (const entry of lists.get(ports) ?? []) if (entry.anybody !== true) rows.push({ ...peer, ...entry });
    }
    return rows;
  }

  sets(): number[] {
    return [...this.#sets().keys()].sort((a, b) => a - b);
  }

  direction(set: number): Direction | undefined {
    return this.#sets().get(set)?.direction;
  }

  usage(): readonly MapUsage[] {
    this.#sets();
    return [
      { map: this.#map.name, entries: this.#entries, capacity: this.#map.maxEntries },
      { map: this.#ports.name, entries: this.#lists.entries, capacity: this.#ports.maxEntries },
    ];
  }

  /** Peers whose list becomes another one, with uses of the new lists taken. */
  #plan(peers: ReadonlyMap<number, KernelList>, changes: ReadonlyMap<number, PortList | undefined>): Step[] {
    const anybody = changes.has(0) ? changes.get(0) : peers.get(0)?.own;
    const steps: Step[] = [];
    const whole = new Map<PortList, PortList>();
    const add = (identity: number, own: PortList | undefined) => {
      const before = peers.get(identity);
      if (own === undefined || own.entries.length === 0) {
        if (before !== undefined) steps.push({ identity, before, after: undefined });
        return;
      }
      const list = identity === 0 ? own : (whole.get(own) ?? withAnybody(own, anybody));
      if (identity !== 0) whole.set(own, list);
      if (before?.whole.text !== list.text) steps.push({ identity, before, after: this.#lists.acquire(list) });
    };
    for (const [identity, own] of changes) add(identity, own);
    if (changes.has(0)) {
      for (const [identity, { own }] of peers) if (!changes.has(identity)) add(identity, own);
    }
    return steps;
  }

  #write(set: number, direction: Direction, steps: readonly Step[]): void {
    const { keySize, valueSize } = this.#map;
    const present = steps.filter(({ after }) => after !== undefined);
    const gone = steps.filter(({ after }) => after === undefined);
    const values = new Uint8Array(present.length * valueSize);
    for (const [index, { identity, after }] of present.entries()) {
      if (after === undefined) continue;
      const peer = { set, identity, direction, ports: after.id, widths: after.widths };
      encodePeer(peer, values, index * valueSize);
    }
    const keys = (some: readonly Step[]) => {
      const packed = new Uint8Array(some.length * keySize);
      for (const [index, { identity }] of some.entries()) encodePeerKey(set, identity, packed, index * keySize);
      return packed;
    };
    this.#map.updateBatch(keys(present), values, present.length);
    if (gone.length > 0) this.#map.deleteBatch(keys(gone), gone.length);
  }

  #sets(): Map<number, PolicySet> {
    if (this.#loaded !== undefined) return this.#loaded;
    const sets = new Map<number, PolicySet>();
    this.#lists.load();
    for (const [key, value] of this.#map.entries()) {
      const { set, identity, ports, direction } = decodePeer(key, value);
      const known = sets.get(set) ?? { direction, peers: new Map<number, KernelList>() };
      known.peers.set(identity, this.#lists.use(ports));
      sets.set(set, known);
      this.#entries++;
    }
    this.#loaded = sets;
    return sets;
  }
}

function withoutPeer({ identity: _, direction: __, ...entry }: PolicyMapEntry): PolicyMapPort {
  return entry;
}
