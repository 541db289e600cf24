// SPDX-License-Identifier: Apache-2.0
// The only door to the kernel.

export {
  type AttachDevice,
  attachCgroup,
  attachTcx,
  attachTcxLater,
  attachXdp,
  queryTcx,
  type TcxHook,
  tcxRuns,
} from "./bpf/attach.ts";
export { dataSections, type Variable } from "./bpf/btf.ts";
export { AttachType, BpfLink, type LinkInfo, listLinks } from "./bpf/link.ts";
export { type LoadObjectOptions, loadObject } from "./bpf/loader.ts";
export { BpfMap, type MapSpec, mapIds, type UpdateMode } from "./bpf/map.ts";
export { loadedBtf, type MapTypes, mapTypes } from "./bpf/map-btf.ts";
export { isPerCpu, MapFlag, type MapType } from "./bpf/map-type.ts";
export { type BpfMemory, BpfMemoryReader } from "./bpf/memory.ts";
export { BpfObject } from "./bpf/object.ts";
export type { MapChoice, MapShape, ObjectMapOptions } from "./bpf/object-maps.ts";
export {
  BpfProgram,
  ProgramType,
  programIds,
  type RawProgram,
  type TestRunOptions,
  type TestRunResult,
} from "./bpf/program.ts";
export type { RodataValues } from "./bpf/rodata.ts";
export { onBpfCall } from "./bpf/syscall.ts";
export type { BpfCallListener } from "./bpf/timing.ts";
export { addToCgroup, cgroupIdOf, cgroupRoot, createCgroup, removeCgroup } from "./cgroup.ts";
export { possibleCpus } from "./cpus.ts";
export { type FdWatch, watchFd } from "./epoll.ts";
export { Errno, errnoName } from "./errno.ts";
export { MapIncompatibleError, SyscallError, UnsupportedFeatureError, VerifierError } from "./errors.ts";
export { assertNoLeakedFds, Fd, trackFds } from "./fd.ts";
export { type Feature, type FeatureName, listFeatures, probeFeature, requireFeature } from "./features/index.ts";
export { ktimeNs } from "./ktime.ts";
export { bindMount, isMounted, type Mount, mountBpffs, mounts, unmount } from "./mount.ts";
export type { Address, AddressSpec } from "./netlink/address.ts";
export type { Scope } from "./netlink/family.ts";
export type { Link, LinkChange, OperState } from "./netlink/link.ts";
export type { NewIpvlan, NewLink, NewTunnel, NewVeth } from "./netlink/link-kinds.ts";
export { monitorNetlink, type NetlinkEvent, type NetlinkGroup } from "./netlink/monitor.ts";
export { type Neighbor, type NeighborSpec, NUD_PERMANENT } from "./netlink/neighbor.ts";
export {
  deleteNftTable,
  hasNftTable,
  type NftChain,
  type NftExpression,
  type NftTable,
  nft,
  nftPriorities,
  replaceNftTable,
} from "./netlink/nftables.ts";
export { ROUTE_TABLE_LOCAL, ROUTE_TABLE_MAIN, type Route, type RouteSpec, type RouteType } from "./netlink/route.ts";
export { Rtnetlink } from "./netlink/rtnetlink.ts";
export type { Rule } from "./netlink/rule.ts";
export type { Filter, FilterKey, FilterSpec, TcHook } from "./netlink/tc.ts";
export {
  createAnonymousNetns,
  createNetns,
  currentNetns,
  deleteNetns,
  type Netns,
  netnsCookie,
  netnsOfPid,
  openNetns,
  withNetns,
} from "./netns.ts";
export { type RecordHandler, RingBuffer, type RingStartOptions } from "./ringbuf.ts";
export { listenTcp, openPingSocket, type PingSocketOptions } from "./sockets.ts";
export { createStateLock, type StateLock } from "./state-lock.ts";
export { readSysctl, writeSysctl } from "./sysctl.ts";
