// SPDX-License-Identifier: Apache-2.0
// The only door to the kernel.

export { type AttachDevice, attachCgroup, attachTcx, attachXdp, queryTcx, type TcxHook } from "./bpf/attach.ts";
export { dataSections, type Variable } from "./bpf/btf.ts";
export { AttachType, BpfLink, type LinkInfo, listLinks } from "./bpf/link.ts";
export { type LoadObjectOptions, loadObject } from "./bpf/loader.ts";
export { BpfMap, type MapSpec, mapIds, type UpdateMode } from "./bpf/map.ts";
export { MapFlag, type MapType } from "./bpf/map-type.ts";
export { BpfObject } from "./bpf/object.ts";
export type { ObjectMapOptions } from "./bpf/object-maps.ts";
export {
  BpfProgram,
  ProgramType,
  programIds,
  type RawProgram,
  type TestRunOptions,
  type TestRunResult,
} from "./bpf/program.ts";
export type { RodataValues } from "./bpf/rodata.ts";
export { addToCgroup, cgroupIdOf, cgroupRoot, createCgroup, removeCgroup } from "./cgroup.ts";
export { possibleCpus } from "./cpus.ts";
export { Errno, errnoName } from "./errno.ts";
export { MapIncompatibleError, SyscallError, UnsupportedFeatureError, VerifierError } from "./errors.ts";
export { assertNoLeakedFds, Fd, trackFds } from "./fd.ts";
export { bindMount, isMounted, type Mount, mountBpffs, mounts, unmount } from "./mount.ts";
export {
  createNetns,
  currentNetns,
  deleteNetns,
  type Netns,
  netnsCookie,
  netnsOfPid,
  openNetns,
  withNetns,
} from "./netns.ts";

import type { TcxHook } from "./bpf/attach.ts";
import type { BpfMap } from "./bpf/map.ts";
import type { BpfProgram } from "./bpf/program.ts";
import type { Fd } from "./fd.ts";
import type { Netns } from "./netns.ts";
/** For kernels before 6.6: clsact qdisc and a direct-action filter; stays until detachClsact. */
export declare function attachClsact(o: { program: BpfProgram; ifindex: number; hook: TcxHook; name: string }): void;
export declare function detachClsact(o: { ifindex: number; hook: TcxHook }): void;

export interface Link {
  ifindex: number;
  name: string;
  altNames: readonly string[];
  kind: string | undefined;
  mac: string;
  mtu: number;
  txQueueLength: number;
  up: boolean;
  flags: number;
  operState: number;
  master: number | undefined;
  peerIfindex: number | undefined;
  peerNetnsId: number | undefined;
  xdpProgramId: number | undefined;
}
export interface Address {
  ifindex: number;
  family: 4 | 6;
  address: string;
  prefixLength: number;
  scope: number;
  flags: number;
  tentative: boolean;
  dadFailed: boolean;
}
export type RouteType = "unicast" | "local" | "broadcast" | "blackhole" | "unreachable" | "prohibit" | "throw";
export interface Route {
  family: 4 | 6;
  /** Canonical prefix; the default route is 0.0.0.0/0 or ::/0. */
  destination: string;
  table: number;
  gateway?: string;
  ifindex?: number;
  source?: string;
  mtu?: number;
  metric?: number;
  scope: "universe" | "site" | "link" | "host";
  protocol: number;
  type: RouteType;
  onlink: boolean;
}
/** What is left out: table main, protocol 4 (static), scope by the route's shape. */
export type RouteSpec = Pick<Route, "destination"> & Partial<Omit<Route, "destination" | "family">>;
export interface Rule {
  family: 4 | 6;
  priority: number;
  table: number;
  mark?: number;
  mask?: number;
  source?: string;
  destination?: string;
  inputInterface?: string;
  outputInterface?: string;
  protocol?: number;
}
export interface Neighbor {
  ifindex: number;
  family: 4 | 6;
  address: string;
  mac: string | undefined;
  state: number;
  flags: number;
}
export interface LinkChange {
  up?: boolean;
  mtu?: number;
  mac?: string;
  name?: string;
  netns?: Fd;
  noArp?: boolean;
  altName?: string;
  master?: number | null;
  noAddrGen?: boolean;
  txQueueLength?: number;
}
/** Synchronous; one socket in one namespace. Errors carry the kernel's extended message. */
export declare class Rtnetlink implements Disposable {
  constructor(options?: { netns?: Netns });
  links(): Link[];
  link(nameOrIndex: string | number): Link | undefined;
  createVeth(o: {
    name: string;
    mac?: string;
    mtu?: number;
    txQueueLength?: number;
    peer: { name: string; netns?: Fd; mac?: string; mtu?: number };
  }): Link;
  createVxlan(o: {
    name: string;
    port: number;
    externalMetadata: true;
    mac?: string;
    mtu?: number;
    noLearning?: boolean;
  }): Link;
  createBridge(o: { name: string; mac?: string; mtu?: number }): Link;
  setLink(nameOrIndex: string | number, change: LinkChange): void;
  /** False when there was none. */
  deleteLink(nameOrIndex: string | number): boolean;
  addresses(filter?: { ifindex?: number; family?: 4 | 6 }): Address[];
  /** Replaces; noDad avoids the tentative second of IPv6. */
  addAddress(o: {
    ifindex: number;
    address: string;
    prefixLength: number;
    noDad?: boolean;
    scope?: "universe" | "link" | "host";
    noPrefixRoute?: boolean;
  }): void;
  deleteAddress(o: { ifindex: number; address: string; prefixLength: number }): boolean;
  routes(filter?: { family?: 4 | 6; table?: number; ifindex?: number }): Route[];
  replaceRoute(route: RouteSpec): void;
  deleteRoute(route: RouteSpec): boolean;
  rules(family?: 4 | 6): Rule[];
  addRule(rule: Rule): void;
  deleteRule(rule: Rule): boolean;
  neighbors(filter?: { ifindex?: number; family?: 4 | 6 }): Neighbor[];
  replaceNeighbor(o: {
    ifindex: number;
    address: string;
    mac: string;
    permanent?: boolean;
    router?: boolean;
    proxy?: boolean;
  }): void;
  deleteNeighbor(o: { ifindex: number; address: string; proxy?: boolean }): boolean;
  close(): void;
  [Symbol.dispose](): void;
}
export type NetlinkEvent =
  | { kind: "link"; change: "new" | "delete"; link: Link }
  | { kind: "address"; change: "new" | "delete"; address: Address }
  | { kind: "route"; change: "new" | "delete"; route: Route }
  | { kind: "rule"; change: "new" | "delete"; rule: Rule }
  | { kind: "neighbor"; change: "new" | "delete"; neighbor: Neighbor }
  /** Events were lost (ENOBUFS): list everything again. */
  | { kind: "resync" };
export declare function monitorNetlink(o: {
  groups: readonly ("link" | "address" | "route" | "rule" | "neighbor")[];
  netns?: Netns;
  onEvents: (batch: NetlinkEvent[]) => void;
}): Disposable;

/** Calls onReadable on the main thread whenever fd is readable (level-triggered). Keeps the process alive until disposed. */
export declare function watchFd(fd: Fd, onReadable: () => void): Disposable;

export declare class RingBuffer implements Disposable {
  constructor(map: BpfMap);
  /** Calls handler for each waiting record; the view is valid during the call only. Returns how many. */
  consume(handler: (bytes: Uint8Array, view: DataView, offset: number, length: number) => void, limit?: number): number;
  /** Consumes whenever records arrive, until the returned handle is disposed. */
  start(
    handler: (bytes: Uint8Array, view: DataView, offset: number, length: number) => void,
    o?: { onBatchEnd?: (count: number) => void },
  ): Disposable;
  close(): void;
  [Symbol.dispose](): void;
}

/** name in dots or slashes: "net.ipv4.conf.all.rp_filter" (a device name with dots: use slashes). */
export declare function readSysctl(name: string, netns?: Netns): string;
export declare function writeSysctl(name: string, value: string | number, netns?: Netns): void;
/** CLOCK_MONOTONIC, what bpf_ktime_get_ns() gives. */
export declare function ktimeNs(): bigint;

export interface Feature {
  name: string;
  minKernel: string;
  config: string | undefined;
  available: boolean;
  reason: string | undefined;
}
export declare function probeFeature(name: string): Feature;
export declare function requireFeature(name: string): void;
export declare function listFeatures(): Feature[];
