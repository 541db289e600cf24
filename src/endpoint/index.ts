// SPDX-License-Identifier: Apache-2.0
// The only import door of src/endpoint.

export { AgentSwitch, type EndpointDefaults, type ReadonlySwitch } from "./agent-switch.ts";
export type {
  EndpointAddressPool,
  EndpointAnnouncer,
  EndpointConfig,
  EndpointDatapath,
  EndpointDeps,
  PeerPorts,
  ResolvedEndpointPolicy,
} from "./deps.ts";
export { EndpointError, type EndpointErrorCode } from "./errors.ts";
export { createEndpointManager, type EndpointManager } from "./manager.ts";
export { isAudited, type OptionChanges } from "./options.ts";
export { createPodLabelSync, initLabels, labelsOfPod, type PodLabelConfig, withAddressLabels } from "./pod-labels.ts";
export { endpointState } from "./state.ts";
export { storedIdentities, storedSlaves } from "./stored.ts";
export { createEndpointTable } from "./table.ts";
export {
  attachmentId,
  type CreateEndpoint,
  type DeviceOfEndpoint,
  type DeviceTraits,
  type EndpointLogEntry,
  type EndpointOptions,
  type EndpointRow,
  endpointAddresses,
  hostEndpointId,
  type RealizedPolicy,
} from "./types.ts";
