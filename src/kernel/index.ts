// SPDX-License-Identifier: Apache-2.0
// The only door to the kernel: the signatures. (First version: declarations; bodies follow in the files beside.)

/** A failed system call. `code` and `name` hold the errno's name ("EPERM"). */
export declare class SyscallError extends Error {
  readonly call: string;
  readonly errno: number;
  readonly code: string;
}
/** The verifier refused a program; the message is the last useful line of `log`. */
export declare class VerifierError extends Error {
  readonly program: string;
  readonly log: string;
}
export declare class UnsupportedFeatureError extends Error {
  readonly feature: string;
  readonly minKernel: string;
  readonly config: string | undefined;
}
/** A pinned map that is to be re-used differs in type, key, value, size or flags from what the object declares. */
export declare class MapIncompatibleError extends Error {
  readonly map: string;
  readonly path: string;
}

export declare class Fd implements Disposable {
  static own(value: number, what: string): Fd;
  /** Throws after close. */
  get value(): number;
  get closed(): boolean;
  readonly what: string;
  dup(): Fd;
  disown(): number;
  close(): void;
  [Symbol.dispose](): void;
}

export type MapType =
  | "hash" | "array" | "prog_array" | "perf_event_array" | "percpu_hash" | "percpu_array" | "stack_trace"
  | "cgroup_array" | "lru_hash" | "lru_percpu_hash" | "lpm_trie" | "array_of_maps" | "hash_of_maps" | "devmap"
  | "sockmap" | "cpumap" | "xskmap" | "sockhash" | "cgroup_storage" | "reuseport_sockarray" | "percpu_cgroup_storage"
  | "queue" | "stack" | "sk_storage" | "devmap_hash" | "struct_ops" | "ringbuf" | "inode_storage" | "task_storage"
  | "bloom_filter" | "user_ringbuf" | "cgrp_storage" | "arena";
export interface MapSpec {
  type: MapType;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags?: number;
  name?: string;
  /** Template of the inner maps (array_of_maps, hash_of_maps). */
  inner?: BpfMap;
}
export type UpdateMode = "any" | "noexist" | "exist";
export declare class BpfMap implements Disposable {
  readonly fd: Fd;
  readonly id: number;
  readonly name: string;
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  /** Bytes of a value in user space: per-CPU maps hold one slot of roundUp8(valueSize) a possible CPU. */
  readonly valueBytes: number;
  readonly maxEntries: number;
  readonly flags: number;
  static create(spec: MapSpec): BpfMap;
  static openPinned(path: string): BpfMap;
  static fromId(id: number): BpfMap;
  lookup(key: Uint8Array): Uint8Array | undefined;
  lookupInto(key: Uint8Array, value: Uint8Array): boolean;
  update(key: Uint8Array, value: Uint8Array, mode?: UpdateMode): void;
  /** False when there was no such key. */
  delete(key: Uint8Array): boolean;
  /** keys and values: `count` of them one behind the other. */
  updateBatch(keys: Uint8Array, values: Uint8Array, count: number, mode?: UpdateMode): void;
  /** How many were there. */
  deleteBatch(keys: Uint8Array, count: number): number;
  entries(options?: { batchSize?: number }): Generator<[key: Uint8Array, value: Uint8Array]>;
  keys(): Generator<Uint8Array>;
  clear(): number;
  freeze(): void;
  pin(path: string): void;
  close(): void;
  [Symbol.dispose](): void;
}
export declare function possibleCpus(): number;

export interface ObjectMapOptions {
  /** Use this map instead of making one. */
  reuse?: BpfMap;
  maxEntries?: number;
  /** Re-used when it is there and fits (else MapIncompatibleError), made and pinned there when not. */
  pinPath?: string;
}
export interface OpenObjectOptions {
  /** By variable name; numbers and bigints are written in the variable's own size. */
  rodata?: Record<string, Uint8Array | number | bigint>;
  maps?: Record<string, ObjectMapOptions>;
  /** Only these programs are loaded; default all. */
  programs?: readonly string[];
  /** Maps whose definition says LIBBPF_PIN_BY_NAME are kept at `${pinRoot}/${name}`. */
  pinRoot?: string;
  /** Also used as attach type: e.g. "tcx/ingress"; not needed normally. */
  programType?: "sched_cls" | "xdp";
}
/** Opens, sets, loads (verifies). Throws VerifierError, MapIncompatibleError, SyscallError. */
export declare function loadObject(path: string | Uint8Array, options?: OpenObjectOptions): BpfObject;
export declare class BpfObject implements Disposable {
  /** Owned by the object; `map.dup()` to keep one longer. */
  map(name: string): BpfMap;
  program(name: string): BpfProgram;
  readonly mapNames: readonly string[];
  readonly programNames: readonly string[];
  close(): void;
  [Symbol.dispose](): void;
}
export interface TestRunOptions {
  data: Uint8Array;
  ctx?: Uint8Array;
  repeat?: number;
  /** Room for the packet after the run; default data length + 256. */
  outputSize?: number;
}
export interface TestRunResult {
  retval: number;
  data: Uint8Array;
  ctx: Uint8Array | undefined;
  /** Average of one run. */
  durationNs: number;
}
export declare class BpfProgram implements Disposable {
  readonly fd: Fd;
  readonly id: number;
  readonly name: string;
  readonly type: number;
  readonly verifiedInstructions: number;
  static openPinned(path: string): BpfProgram;
  static fromId(id: number): BpfProgram;
  testRun(options: TestRunOptions): TestRunResult;
  pin(path: string): void;
  dup(): BpfProgram;
  close(): void;
  [Symbol.dispose](): void;
}

export type TcxHook = "ingress" | "egress";
export interface LinkInfo { id: number; type: string; programId: number; ifindex?: number; attachType?: number; cgroupId?: bigint }
export declare class BpfLink implements Disposable {
  readonly fd: Fd;
  info(): LinkInfo;
  update(program: BpfProgram): void;
  pin(path: string): void;
  detach(): void;
  /** Detaches unless pinned. */
  close(): void;
  [Symbol.dispose](): void;
  static openPinned(path: string): BpfLink;
}
/** ifindex is of the caller's namespace: call inside withNetns() for others. With `pin`: updated in place when it fits. */
export declare function attachTcx(o: { program: BpfProgram; ifindex: number; hook: TcxHook; pin?: string }): BpfLink;
export declare function attachXdp(o: { program: BpfProgram; ifindex: number; pin?: string }): BpfLink;
export declare function attachCgroup(o: { program: BpfProgram; cgroup: string; attachType: number; pin?: string }): BpfLink;
/** For kernels before 6.6: clsact qdisc and a direct-action filter; stays until detachClsact. */
export declare function attachClsact(o: { program: BpfProgram; ifindex: number; hook: TcxHook; name: string }): void;
export declare function detachClsact(o: { ifindex: number; hook: TcxHook }): void;
/** Ids of the programs on the hook, in the order they run. */
export declare function queryTcx(ifindex: number, hook: TcxHook): number[];
export declare function listLinks(): LinkInfo[];

/** Namespaces: Fd or path. */
export type Netns = Fd | string;
export declare function openNetns(path: string): Fd;
export declare function currentNetns(): Fd;
export declare function netnsOfPid(pid: number): Fd;
/** Makes a namespace and binds it to `path` (e.g. /run/netns/NAME); `lo` is up. */
export declare function createNetns(path: string): Fd;
export declare function deleteNetns(path: string): void;
/** Runs fn with the main thread in `netns`; sockets and children made inside stay there. fn must not be async. */
export declare function withNetns<T>(netns: Netns, fn: () => T extends PromiseLike<unknown> ? never : T): T;
export declare function netnsCookie(netns?: Netns): bigint;

export interface Link {
  ifindex: number; name: string; altNames: readonly string[]; kind: string | undefined; mac: string; mtu: number; txQueueLength: number;
  up: boolean; flags: number; operState: number; master: number | undefined; peerIfindex: number | undefined; peerNetnsId: number | undefined;
  xdpProgramId: number | undefined;
}
export interface Address { ifindex: number; family: 4 | 6; address: string; prefixLength: number; scope: number; flags: number; tentative: boolean; dadFailed: boolean }
export type RouteType = "unicast" | "local" | "broadcast" | "blackhole" | "unreachable" | "prohibit" | "throw";
export interface Route {
  family: 4 | 6;
  /** Canonical prefix; the default route is 0.0.0.0/0 or ::/0. */
  destination: string;
  table: number; gateway?: string; ifindex?: number; source?: string; mtu?: number; metric?: number;
  scope: "universe" | "site" | "link" | "host"; protocol: number; type: RouteType; onlink: boolean;
}
/** What is left out: table main, protocol 4 (static), scope by the route's shape. */
export type RouteSpec = Pick<Route, "destination"> & Partial<Omit<Route, "destination" | "family">>;
export interface Rule {
  family: 4 | 6; priority: number; table: number; mark?: number; mask?: number; source?: string; destination?: string;
  inputInterface?: string; outputInterface?: string; protocol?: number;
}
export interface Neighbor { ifindex: number; family: 4 | 6; address: string; mac: string | undefined; state: number; flags: number }
export interface LinkChange { up?: boolean; mtu?: number; mac?: string; name?: string; netns?: Fd; noArp?: boolean; altName?: string; master?: number | null; noAddrGen?: boolean; txQueueLength?: number }
/** Synchronous; one socket in one namespace. Errors carry the kernel's extended message. */
export declare class Rtnetlink implements Disposable {
  constructor(options?: { netns?: Netns });
  links(): Link[];
  link(nameOrIndex: string | number): Link | undefined;
  createVeth(o: { name: string; mac?: string; mtu?: number; txQueueLength?: number; peer: { name: string; netns?: Fd; mac?: string; mtu?: number } }): Link;
  createVxlan(o: { name: string; port: number; externalMetadata: true; mac?: string; mtu?: number; noLearning?: boolean }): Link;
  createBridge(o: { name: string; mac?: string; mtu?: number }): Link;
  setLink(nameOrIndex: string | number, change: LinkChange): void;
  /** False when there was none. */
  deleteLink(nameOrIndex: string | number): boolean;
  addresses(filter?: { ifindex?: number; family?: 4 | 6 }): Address[];
  /** Replaces; noDad avoids the tentative second of IPv6. */
  addAddress(o: { ifindex: number; address: string; prefixLength: number; noDad?: boolean; scope?: "universe" | "link" | "host"; noPrefixRoute?: boolean }): void;
  deleteAddress(o: { ifindex: number; address: string; prefixLength: number }): boolean;
  routes(filter?: { family?: 4 | 6; table?: number; ifindex?: number }): Route[];
  replaceRoute(route: RouteSpec): void;
  deleteRoute(route: RouteSpec): boolean;
  rules(family?: 4 | 6): Rule[];
  addRule(rule: Rule): void;
  deleteRule(rule: Rule): boolean;
  neighbors(filter?: { ifindex?: number; family?: 4 | 6 }): Neighbor[];
  replaceNeighbor(o: { ifindex: number; address: string; mac: string; permanent?: boolean; router?: boolean; proxy?: boolean }): void;
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
  start(handler: (bytes: Uint8Array, view: DataView, offset: number, length: number) => void, o?: { onBatchEnd?: (count: number) => void }): Disposable;
  close(): void;
  [Symbol.dispose](): void;
}

export declare function mountBpffs(path: string): void;
export declare function isMounted(path: string, fstype?: string): boolean;
export declare function bindMount(source: string, target: string): void;
export declare function unmount(path: string): void;
export declare function cgroupRoot(): string;
export declare function createCgroup(path: string): void;
export declare function removeCgroup(path: string): void;
export declare function addToCgroup(path: string, pid: number): void;
export declare function cgroupIdOf(path: string): bigint;
/** name in dots or slashes: "net.ipv4.conf.all.rp_filter" (a device name with dots: use slashes). */
export declare function readSysctl(name: string, netns?: Netns): string;
export declare function writeSysctl(name: string, value: string | number, netns?: Netns): void;
/** CLOCK_MONOTONIC, what bpf_ktime_get_ns() gives. */
export declare function ktimeNs(): bigint;

export interface Feature { name: string; minKernel: string; config: string | undefined; available: boolean; reason: string | undefined }
export declare function probeFeature(name: string): Feature;
export declare function requireFeature(name: string): void;
export declare function listFeatures(): Feature[];
