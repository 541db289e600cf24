// SPDX-License-Identifier: Apache-2.0
// Endpoints: what is asked for and what they are.
import { z } from "zod";
import { Identity, Labels } from "./identity.ts";
import { AddressPair } from "./ipam.ts";
import { NodeAddressing } from "./node.ts";
import { PolicyEnabled, PolicyRuleStatus } from "./policy.ts";
import { count, longText, type Model, optional, text, textMap, texts, time } from "./schema.ts";
import { ControllerStatus } from "./status.ts";

export const EndpointState = z.enum([
  "waiting-for-identity",
  "not-ready",
  "waiting-to-regenerate",
  "regenerating",
  "restoring",
  "ready",
  "disconnecting",
  "disconnected",
  "invalid",
]);

export const EndpointDatapathConfiguration = z.strictObject({
  "require-arp-passthrough": optional(z.boolean()),
  "require-egress-prog": optional(z.boolean()),
  "external-ipam": optional(z.boolean()),
  "require-routing": optional(z.boolean()),
  "install-endpoint-route": optional(z.boolean()),
  "disable-sip-verification": optional(z.boolean()),
});

export const EndpointChangeRequest = z
  .strictObject({
    id: optional(z.int().min(0).max(65535)),
    "container-id": optional(text),
    "container-name": optional(text),
    "container-netns-path": optional(text),
    "container-interface-name": optional(text),
    "netns-cookie": optional(text),
    "interface-name": optional(text.describe("Host side")),
    "interface-index": optional(count.describe("Host side")),
    "parent-interface-index": optional(count),
    mac: optional(text.describe("Of the pod's device")),
    "host-mac": optional(text.describe("Of the host side")),
    addressing: optional(AddressPair),
    labels: optional(Labels),
    "k8s-pod-name": optional(text),
    "k8s-namespace": optional(text),
    "k8s-uid": optional(text),
    state: optional(EndpointState),
    "sync-build-endpoint": optional(z.boolean().describe("Answer only when the endpoint is ready, or failed")),
    "policy-enabled": optional(z.boolean()),
    "datapath-map-id": optional(z.int()),
    "datapath-configuration": optional(EndpointDatapathConfiguration),
    properties: optional(z.record(text, z.unknown())),
    pid: optional(count),
  })
  .describe("What is changeable of an endpoint");

export const EndpointBatchDeleteRequest = z
  .strictObject({ "container-id": text.min(1) })
  .describe("Which endpoints are to go");

export const LabelConfigurationSpec = z
  .strictObject({ user: optional(Labels) })
  .describe("Labels that users gave, beside those of the orchestrator");

export const LabelConfigurationStatus = z.strictObject({
  "security-relevant": texts,
  derived: optional(texts),
  disabled: optional(texts),
  realized: optional(LabelConfigurationSpec),
});

export const LabelConfiguration = z.strictObject({ spec: LabelConfigurationSpec, status: LabelConfigurationStatus });

export const EndpointConfigurationSpec = z.strictObject({
  options: optional(textMap.describe("Option to Enabled or Disabled")),
  "label-configuration": optional(LabelConfigurationSpec),
});

export const EndpointConfigurationStatus = z.strictObject({
  realized: EndpointConfigurationSpec,
  immutable: optional(textMap),
});

export const EndpointIdentifiers = z.strictObject({
  "cni-attachment-id": optional(longText.describe("containerID:ifname")),
  "container-id": optional(longText),
  "container-name": optional(longText),
  "pod-name": optional(longText.describe("namespace/name")),
  "k8s-pod-name": optional(longText),
  "k8s-namespace": optional(longText),
  "cni-network": optional(longText.describe("Name of the CNI network's configuration")),
});

export const EndpointNetworking = z.strictObject({
  addressing: z.array(AddressPair),
  mac: optional(longText.describe("Of the pod's device")),
  "host-mac": optional(longText.describe("Of the host side")),
  "interface-name": optional(longText),
  "interface-index": optional(count),
  "container-interface-name": optional(longText),
  "host-addressing": optional(NodeAddressing),
});

const ids = z.array(count);
const rules = z.array(PolicyRuleStatus);

export const EndpointPolicy = z.strictObject({
  id: optional(count),
  build: optional(count),
  "policy-revision": count,
  "policy-enabled": PolicyEnabled,
  "allowed-ingress-identities": optional(ids),
  "denied-ingress-identities": optional(ids),
  "allowed-egress-identities": optional(ids),
  "denied-egress-identities": optional(ids),
  "default-deny-by": optional(
    z
      .strictObject({ ingress: texts, egress: texts })
      .describe("Policies (namespace/name) that made a direction default deny"),
  ),
  l4: optional(z.strictObject({ ingress: rules, egress: rules })),
});

export const EndpointPolicyStatus = z.strictObject({
  spec: optional(EndpointPolicy),
  realized: EndpointPolicy,
  "proxy-policy-revision": optional(count),
  "proxy-statistics": optional(z.array(z.unknown())),
});

export const EndpointStatusChange = z
  .strictObject({ timestamp: time, code: z.enum(["ok", "failed"]), state: EndpointState, message: longText })
  .describe("One line of an endpoint's log");

const HealthState = z.enum(["OK", "Bootstrap", "Pending", "Warning", "Failure", "Disabled"]);

export const EndpointHealth = z.strictObject({
  overallHealth: HealthState,
  bpf: HealthState,
  policy: HealthState,
  connected: z.boolean(),
});

export const EndpointStatus = z.strictObject({
  "external-identifiers": EndpointIdentifiers,
  identity: optional(Identity),
  labels: LabelConfigurationStatus,
  networking: EndpointNetworking,
  policy: EndpointPolicyStatus,
  log: optional(z.array(EndpointStatusChange)),
  controllers: optional(z.array(ControllerStatus)),
  state: EndpointState,
  health: optional(EndpointHealth),
  namedPorts: optional(z.array(z.strictObject({ name: longText, port: count, protocol: longText }))),
  realized: optional(EndpointConfigurationSpec),
});

export const Endpoint = z.strictObject({
  id: count,
  spec: optional(EndpointConfigurationSpec),
  status: EndpointStatus,
});

export type EndpointStateName = Model<typeof EndpointState>;
export type EndpointChangeRequest = Model<typeof EndpointChangeRequest>;
export type LabelConfigurationSpec = Model<typeof LabelConfigurationSpec>;
export type LabelConfigurationStatus = Model<typeof LabelConfigurationStatus>;
export type LabelConfiguration = Model<typeof LabelConfiguration>;
export type EndpointConfigurationSpec = Model<typeof EndpointConfigurationSpec>;
export type EndpointConfigurationStatus = Model<typeof EndpointConfigurationStatus>;
export type EndpointPolicy = Model<typeof EndpointPolicy>;
export type EndpointStatusChange = Model<typeof EndpointStatusChange>;
export type EndpointHealthState = Model<typeof HealthState>;
export type EndpointHealth = Model<typeof EndpointHealth>;
export type EndpointStatus = Model<typeof EndpointStatus>;
export type Endpoint = Model<typeof Endpoint>;
