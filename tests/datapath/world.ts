// SPDX-License-Identifier: Apache-2.0
// The real programs with real maps, and a small world in them: two pods here, one on another node, hosts, the Internet.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type CtEntry,
  CtFlags,
  checkAbi,
  decodeCtEntry,
  ENDPOINT_CONFIG_SIZE,
  EndpointConfigFlags,
  EndpointInfoFlags,
  elfSection,
  encodeCtEntry,
  encodeEndpointConfig,
  encodeEndpointInfo,
  encodeEndpointKey,
  encodeIpcacheEntry,
  encodeIpcacheExactKey,
  encodeIpcacheKey,
  encodeNodeKey,
  encodeNodeValue,
  HOST_ENDPOINT,
  IpcacheFlags,
  parseBtf,
  RuntimeConfigIndex,
  TailCall,
} from "../../src/abi/index.ts";
import { ip16, ipFamily, ipToBytes, macToBytes } from "../../src/core/index.ts";
import {
  createPolicyMap,
  createRuntimeConfigMap,
  type PolicyMap,
  type PolicyMapEntry,
  type RuntimeConfigMap,
} from "../../src/datapath/index.ts";
import { type BpfMap, type BpfObject, loadObject, RingBuffer } from "../../src/kernel/index.ts";
import { type Counter, clearForwarded, readCounters } from "./counters.ts";
import { type EventRow, readEvent } from "./event.ts";
import { policyEntry } from "./policy-entry.ts";

const objects = join(import.meta.dirname, "../../build/bpf");

/** A pod of this node. */
export interface Pod {
  readonly id: number;
  readonly ifindex: number;
  readonly mac: string;
  readonly nodeMac: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly identity: number;
  readonly ingressSet: number;
  readonly egressSet: number;
}

export const podA: Pod = {
  id: 10,
  ifindex: 110,
  mac: "0a:00:00:00:00:0a",
  nodeMac: "0e:00:00:00:00:0a",
  ipv4: "10.1.0.10",
  ipv6: "fd00:10:1::a",
  identity: 1000,
  ingressSet: 3,
  egressSet: 4,
};
export const podB: Pod = {
  id: 11,
  ifindex: 111,
  mac: "0a:00:00:00:00:0b",
  nodeMac: "0e:00:00:00:00:0b",
  ipv4: "10.1.0.11",
  ipv6: "fd00:10:1::b",
  identity: 1001,
  ingressSet: 5,
  egressSet: 6,
};
/** A pod of the other node. */
export const podC = { ipv4: "10.2.0.12", ipv6: "fd00:10:2::c", identity: 1002 } as const;
/** cilium_host's addresses. */
export const router = { ipv4: "10.1.0.1", ipv6: "fd00:10:1::1" } as const;
/** The other node on the underlay. */
export const otherNode = { ipv4: "172.31.240.2", ipv6: "fd00:31:240::2" } as const;
/** The other node's cilium_host. */
export const otherRouter = { ipv4: "10.2.0.1", ipv6: "fd00:10:2::1" } as const;
/** Nobody knows it. */
export const internet = { ipv4: "192.0.2.80", ipv6: "2001:db8::80" } as const;
/** In a CIDR that the ipcache has as prefix with an identity of this node's scope. */
export const cidrHost = { ipv4: "198.51.100.7", ipv6: "2001:db8:51::7", identity: 0x01000001 } as const;
/** Of this node's pod CIDR, but no pod has it. */
export const nobody = { ipv4: "10.1.0.99", ipv6: "fd00:10:1::99" } as const;

/** An address of each family. */
export interface Addresses {
  readonly ipv4: string;
  readonly ipv6: string;
}

/** The device of test runs. */
export const LOOPBACK = 1;
export const TUNNEL_IFINDEX = 77;
export const WORLD_IPV4 = 9;
export const WORLD_IPV6 = 10;

export interface PolicyRow {
  readonly set: number;
  readonly direction: number;
  /** 0: any. */
  readonly identity: number;
  readonly protocol?: number;
  /** Of the port in network order; 16: exactly this port. Left out with the port: any. */
  readonly port?: number;
  readonly portBits?: number;
  readonly deny?: boolean;
  readonly cookie?: number;
  readonly proxyPort?: number;
  readonly authType?: number;
  readonly audit?: boolean;
  /** Stands for no rule at all. */
  readonly isDefault?: boolean;
  /** PolicyStaged */
  readonly staged?: number;
  readonly stagedCookie?: number;
}

export interface EndpointChange {
  readonly flags?: number;
  readonly identity?: number;
  readonly ingressSet?: number;
  readonly policyRevision?: number;
  readonly ifindex?: number;
  readonly parentIfindex?: number;
}

/** One of each program, loaded once; reset() gives every case the same world. */
export class World implements Disposable {
  readonly #stack = new DisposableStack();
  readonly #maps = new Map<string, BpfMap>();
  readonly #events: RingBuffer;
  /** Which events the programs send. */
  readonly monitor: RuntimeConfigMap;
  readonly #sets: PolicyMap;
  /** Entries by set. */
  readonly #policies = new Map<number, readonly PolicyRow[]>();
  /** Of bpf/lib/config.h, where they differ from the default. */
  readonly #variables: Readonly<Record<string, number>>;
  readonly container: BpfObject;
  readonly host: BpfObject;
  readonly overlay: BpfObject;
  readonly underlay: BpfObject;
  readonly netdev: BpfObject;
  readonly pod: BpfObject;
  readonly prelude: BpfObject;
  readonly entries: ReadonlyMap<number, BpfObject>;

  /** Without a tunnel port, the tunnel device encapsulates everything. */
  constructor({ tunnelPort = 0, variables = {} }: { tunnelPort?: number; variables?: Record<string, number> } = {}) {
    this.#variables = { tunnel_ifindex: TUNNEL_IFINDEX, tunnel_port: tunnelPort, ...variables };
    this.container = this.#load("container.o");
    this.host = this.#load("host.o");
    this.overlay = this.#load("overlay.o");
    this.underlay = this.#load("underlay.o");
    this.netdev = this.#load("netdev.o");
    const addresses = { pod_ipv4: ipToBytes(podA.ipv4), pod_ipv6: ipToBytes(podA.ipv6) };
    this.pod = this.#load("pod.o", { endpoint_id: podA.id, ...addresses });
    this.prelude = this.#stack.use(loadObject(join(objects, "tests/prelude.o")));
    const entry = (id: number) => this.#load("entry.o", { endpoint_id: id });
    this.entries = new Map([podA.id, podB.id].map((id) => [id, entry(id)]));
    this.#sets = createPolicyMap(this.map("cilium_policy_v2_peers"), this.map("cilium_policy_v2_ports"));
    this.monitor = createRuntimeConfigMap(this.map("cilium_runtime_config"));
    this.#events = this.#stack.use(new RingBuffer(this.map("cilium_events")));
  }

  /** Maps that several objects declare are shared, as pins share them on a node. */
  #load(name: string, rodata: Record<string, number | Uint8Array> = {}): BpfObject {
    const bytes = readFileSync(join(objects, name));
    const btf = elfSection(bytes, ".BTF") ?? new Uint8Array();
    checkAbi(btf);
    const declared = new Set(parseBtf(btf).map((type) => type.name));
    const shared = [...this.#maps]
      .filter(([map]) => declared.has(map))
      .map(([map, reuse]) => [map, { reuse }] as const);
    const constants = {
      ...Object.fromEntries(Object.entries(this.#variables).filter(([variable]) => declared.has(variable))),
      ...rodata,
    };
    const object = this.#stack.use(loadObject(bytes, { name, maps: Object.fromEntries(shared), rodata: constants }));
    for (const map of object.mapNames) {
      if (map.startsWith("cilium_") && !this.#maps.has(map)) this.#maps.set(map, object.map(map));
    }
    return object;
  }

  map(name: string): BpfMap {
    const map = this.#maps.get(name) ?? (this.prelude.mapNames.includes(name) ? this.prelude.map(name) : undefined);
    if (map === undefined) throw new Error(`Cannot find map "${name}"`);
    return map;
  }

  /** Empties the maps and writes the world: nothing enforced, every packet traced. */
  reset(): void {
    const kept = new Set([
      "cilium_new_flow",
      "cilium_events",
      "cilium_calls",
      "cilium_endpoints",
      "cilium_runtime_config",
      "cilium_underlay4",
      "cilium_ways",
      "cilium_policystats",
      "cilium_forwarded",
      "cilium_policy_v2_peers",
      "cilium_policy_v2_ports",
      "cilium_snat_v4_alloc_retries",
      "cilium_snat_v6_alloc_retries",
    ]);
    this.clearPolicies();
    for (const [name, map] of this.#maps) if (!kept.has(name) && !name.includes("rodata")) map.clear();
    clearForwarded(this.map("cilium_forwarded"));
    this.setCalls(true);
    this.map("cilium_endpoints").update(u32le(HOST_ENDPOINT), new Uint8Array(ENDPOINT_CONFIG_SIZE));
    for (const pod of [podA, podB]) {
      this.endpoint(pod);
      for (const address of [pod.ipv4, pod.ipv6]) this.lxc(address, { endpointId: pod.id, flags: 0 });
    }
    for (const address of [router.ipv4, router.ipv6]) {
      this.lxc(address, { endpointId: 0, flags: EndpointInfoFlags.ENDPOINT_F_HOST });
    }
    const far = { identity: podC.identity, tunnel: otherNode.ipv4 };
    for (const address of [podC.ipv4, podC.ipv6]) this.ipcache(address, far);
    for (const address of [otherRouter.ipv4, otherRouter.ipv6]) {
      this.ipcache(address, { identity: 6, tunnel: otherNode.ipv4 });
    }
    this.ipcachePrefix("198.51.100.0", 24, { identity: cidrHost.identity });
    this.ipcachePrefix("2001:db8:51::", 48, { identity: cidrHost.identity });
    for (const address of [otherNode.ipv4, otherNode.ipv6]) this.node(address);
    this.runtime(RuntimeConfigIndex.RUNTIME_IPCACHE_REVISION, 1);
    this.monitor.setOwnMonitors([]);
    this.monitor.setMonitorAggregation("none");
    this.monitor.setMonitorInterval(5);
    this.monitor.setEvents({ drop: true, trace: true, policyVerdict: true });
    this.takeEvents();
  }

  endpoint(pod: Pod, change: EndpointChange = {}): void {
    const config = {
      mac: macToBytes(pod.mac),
      nodeMac: macToBytes(pod.nodeMac),
      ifindex: change.ifindex ?? pod.ifindex,
      ipv4: new DataView(ipToBytes(pod.ipv4).buffer).getUint32(0),
      ipv6: ipToBytes(pod.ipv6),
      identity: change.identity ?? pod.identity,
      ingressSet: change.ingressSet ?? pod.ingressSet,
      egressSet: pod.egressSet,
      policyRevision: change.policyRevision ?? 1,
      flags: EndpointConfigFlags.ENDPOINT_READY | (change.flags ?? 0),
      parentIfindex: change.parentIfindex ?? 0,
    };
    this.map("cilium_endpoints").update(u32le(pod.id), encodeEndpointConfig(config));
  }

  /** Clears the slot's READY flag, or the whole slot. */
  endpointNotReady(pod: Pod): void {
    this.map("cilium_endpoints").update(u32le(pod.id), new Uint8Array(60));
  }

  lxc(address: string, info: { endpointId: number; flags: number }): void {
    const key = encodeEndpointKey({ address: ip16(address), family: familyOf(address), clusterId: 0 });
    this.map("cilium_lxc").update(key, encodeEndpointInfo(info));
  }

  forgetLxc(address: string): void {
    this.map("cilium_lxc").delete(
      encodeEndpointKey({ address: ip16(address), family: familyOf(address), clusterId: 0 }),
    );
  }

  ipcache(address: string, entry: { identity: number; tunnel?: string }): void {
    const key = encodeIpcacheExactKey({ clusterId: 0, family: familyOf(address), address: ip16(address) });
    this.map("cilium_ipcache_exact").update(key, ipcacheValue(entry));
  }

  ipcachePrefix(address: string, bits: number, entry: { identity: number; tunnel?: string }): void {
    const key = { prefixlen: 32 + bits, clusterId: 0, family: familyOf(address), address: ip16(address) };
    this.map("cilium_ipcache_v2").update(encodeIpcacheKey(key), ipcacheValue(entry));
  }

  node(address: string): void {
    const key = encodeNodeKey({ family: familyOf(address), address: ip16(address) });
    this.map("cilium_node_map_v2").update(key, encodeNodeValue({ nodeId: 1, spi: 0 }));
  }

  /** Adds an entry to its set. */
  policy(row: PolicyRow): void {
    const rows = [...(this.#policies.get(row.set) ?? []), row];
    this.#policies.set(row.set, rows);
    this.#sets.writeSet(row.set, rows.map(policyEntry));
  }

  /** Writes a whole set. */
  policySet(set: number, entries: readonly PolicyMapEntry[]): void {
    this.#policies.set(set, []);
    this.#sets.writeSet(set, entries);
  }

  /** Empties all sets. */
  clearPolicies(): void {
    for (const set of this.#policies.keys()) this.#sets.deleteSet(set);
    this.#policies.clear();
  }

  runtime(index: number, value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.map("cilium_runtime_config").update(u32le(index), bytes);
  }

  /** Fills or empties the tail calls' slots. */
  setCalls(there: boolean): void {
    const slots = [
      [TailCall.CALL_FROM_CONTAINER, this.container, "cil_from_container"],
      [TailCall.CALL_TO_CONTAINER, this.container, "cil_to_container"],
      [TailCall.CALL_TO_HOST, this.netdev, "cil_host_policy"],
      [TailCall.CALL_FROM_HOST, this.netdev, "cil_host_policy_egress"],
      [TailCall.CALL_FROM_HOST_JUDGED, this.host, "cil_from_host_judged"],
      [TailCall.CALL_HOST_TO_CONTAINER, this.netdev, "cil_host_policy_to_pod"],
    ] as const;
    for (const [slot, object, name] of slots) {
      if (there) this.map("cilium_calls").update(u32le(slot), u32le(object.program(name).fd.value));
      else this.map("cilium_calls").delete(u32le(slot));
    }
  }

  takeEvents(): EventRow[] {
    const events: EventRow[] = [];
    this.#events.consume((bytes, _, offset, length) => {
      events.push(readEvent(bytes.slice(offset, offset + length)));
    });
    return events;
  }

  /** Every flow, by map and hexadecimal key. */
  flows(): (CtEntry & { map: string; key: string })[] {
    return conntrackMaps.flatMap((map) =>
      [...this.map(map).entries()].map(([key, value]) => ({
        ...decodeCtEntry(value),
        map,
        key: Buffer.from(key).toString("hex"),
      })),
    );
  }

  /** Rewrites every flow, e.g. to let it expire. */
  changeFlows(change: Partial<CtEntry>): void {
    for (const name of conntrackMaps) {
      const map = this.map(name);
      for (const [key, value] of [...map.entries()]) {
        map.update(key, encodeCtEntry({ ...decodeCtEntry(value), ...change }));
      }
    }
  }

  /** Counters summed over CPUs; forwarded packets have reason 0. */
  metrics(): Counter[] {
    return readCounters(this.map("cilium_metrics"), this.map("cilium_forwarded"));
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

const conntrackMaps = ["cilium_ct4_global", "cilium_ct_any4_global", "cilium_ct6_global", "cilium_ct_any6_global"];

/** Names of the flags that are set. */
export function flagNames(flags: number): string[] {
  return Object.entries(CtFlags).flatMap(([name, bit]) => (flags & bit ? [name] : []));
}

function ipcacheValue({ identity, tunnel }: { identity: number; tunnel?: string }): Uint8Array {
  const ipv6 = tunnel !== undefined && ipFamily(tunnel) === 6 ? IpcacheFlags.IPCACHE_F_IPV6_TUNNEL : 0;
  const flags = tunnel === undefined ? 0 : IpcacheFlags.IPCACHE_F_HAS_TUNNEL | ipv6;
  const tunnelEndpoint = tunnel === undefined ? new Uint8Array(16) : ip16(tunnel);
  return encodeIpcacheEntry({ identity, encryptKey: 0, flags, tunnelEndpoint });
}

export function familyOf(address: string): number {
  return ipFamily(address) === 4 ? 1 : 2;
}

export function u32le(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
