// SPDX-License-Identifier: Apache-2.0
// The only import door of src/datapath.

export { findDatapath, type KernelObjects, objectsInKernel, pinnedObjects } from "./cleanup/inventory.ts";
export { isDatapathKept, removeDatapath } from "./cleanup/remove.ts";
export type { CleanupItem, CleanupOptions, CleanupReport, CleanupRest } from "./cleanup/types.ts";
export { createDatapath } from "./datapath.ts";
export { physicalDevices } from "./devices/physical.ts";
export { sysctlOrNothing } from "./devices/sysctls.ts";
export { DatapathError } from "./errors.ts";
export { decodeEvent } from "./events/decode.ts";
export { type DropAdvice, dropAdvice } from "./events/drop-advice.ts";
export { type DropReason, dropReason, dropReasons, dropReasonText, isDrop } from "./events/drop-reasons.ts";
export { fileName, files } from "./events/files.ts";
export {
  authTypeName,
  observationPointName,
  policyMatchName,
  traceReasonName,
  translationPointName,
} from "./events/names.ts";
export type {
  CaptureEvent,
  DatapathEvent,
  DebugEvent,
  DropEvent,
  EventHeader,
  EventReader,
  EventReaderOptions,
  PolicyVerdictEvent,
  TraceEvent,
  TraceSockEvent,
  UnknownEvent,
} from "./events/types.ts";
export { type UsedFeature, usedFeatures } from "./features.ts";
export { type SlavePlace, slaveMaster } from "./ipvlan/slaves.ts";
export { type GenerationUse, generationsInUse } from "./loader/generation-use.ts";
export { MachineRecord } from "./machine-record.ts";
export { createEndpointsMap } from "./maps/endpoints.ts";
export { encodeOwnMonitor } from "./maps/monitor-codec.ts";
export { mapPinRoot } from "./maps/names.ts";
export type * from "./maps/nat-types.ts";
export { openPinnedMaps } from "./maps/open.ts";
export { createPolicyMap } from "./maps/policy.ts";
export { addsOnly, portList, withAnybody } from "./maps/port-lists.ts";
export { type PortPrefix, portRangeOfPrefix, portRangeToPrefixes } from "./maps/port-prefixes.ts";
export { createRuntimeConfigMap } from "./maps/runtime-config.ts";
export { endpointInfoText, ipcacheInfoText } from "./maps/text.ts";
export type * from "./maps/types.ts";
export type { MasqueradeDevice } from "./masquerade/devices.ts";
export type { MasqueradeState } from "./masquerade/masquerade.ts";
export { type NatDestination, type NatSource, type NatStats, natStats } from "./masquerade/stats.ts";
export { computeMtu } from "./mtu.ts";
export { dissect } from "./packet/dissect.ts";
export { icmpName } from "./packet/icmp-names.ts";
export { protocolName, protocolNumber } from "./packet/protocols.ts";
export { summarize } from "./packet/summary.ts";
export type * from "./packet/types.ts";
export { Prefilter, type PrefilterConfig, PrefilterRevisionError } from "./prefilter/prefilter.ts";
export { PrefilterMaps } from "./prefilter/prefilter-maps.ts";
export { keyBits, type PrefixKey, PrefixList, prefixKey } from "./prefilter/prefix-list.ts";
export { removePrefilter } from "./prefilter/program.ts";
export type { SweepRun } from "./sweep.ts";
export type {
  ConntrackTimeouts,
  Datapath,
  DatapathConfig,
  DatapathObjectRow,
  EndpointDevice,
  MasqueradeConfig,
  MonitorAggregation,
  MonitorEvents,
  MtuInfo,
  OwnMonitor,
  RemoteNode,
} from "./types.ts";
