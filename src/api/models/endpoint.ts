// SPDX-License-Identifier: Apache-2.0
// Endpoints: what is asked for and what they are.
import { z } from "zod";
import { Identity } from "./identity.ts";
import { NodeAddressing } from "./node.ts";
import { PolicyEnabled, PolicyRuleStatus } from "./policy.ts";
import { AddressPair, EndpointConfigurationSpec, EndpointState, LabelConfigurationSpec } from "./request.ts";
import { count, longText, type Model, optional, textMap, texts, time } from "./schema.ts";
import { ControllerStatus } from "./status.ts";

export const LabelConfigurationStatus = z.strictObject({
  "security-relevant": texts,
  derived: optional(texts),
  disabled: optional(texts),
  realized: optional(LabelConfigurationSpec),
});

export const LabelConfiguration = z.strictObject({ spec: LabelConfigurationSpec, status: LabelConfigurationStatus });

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
  "cidr-policy": optional(z.strictObject({ ingress: rules, egress: rules })),
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

export type LabelConfigurationStatus = Model<typeof LabelConfigurationStatus>;
export type LabelConfiguration = Model<typeof LabelConfiguration>;
export type EndpointConfigurationStatus = Model<typeof EndpointConfigurationStatus>;
export type EndpointPolicy = Model<typeof EndpointPolicy>;
export type EndpointStatusChange = Model<typeof EndpointStatusChange>;
export type EndpointHealth = Model<typeof EndpointHealth>;
export type EndpointStatus = Model<typeof EndpointStatus>;
export type Endpoint = Model<typeof Endpoint>;
