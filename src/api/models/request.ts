// SPDX-License-Identifier: Apache-2.0
// What bodies of requests hold. These are made when the agent starts, all other models only for the description.
import { z } from "zod";
import { endpointStates } from "../../core/index.ts";
import { count, type Model, optional, text, textMap } from "./schema.ts";

export const Labels = z.array(text).max(1000).describe("Labels as source:key=value; the source may be left out");

export const AddressPair = z
  .strictObject({
    ipv4: optional(text),
    ipv6: optional(text),
    "ipv4-expiration-uuid": optional(text),
    "ipv6-expiration-uuid": optional(text),
    "ipv4-pool-name": optional(text),
    "ipv6-pool-name": optional(text),
  })
  .describe("Addresses of an endpoint");

export const EndpointState = z.enum(endpointStates);

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

export const EndpointConfigurationSpec = z.strictObject({
  options: optional(textMap.describe("Option to Enabled or Disabled")),
  "label-configuration": optional(LabelConfigurationSpec),
});

export const DaemonConfigurationSpec = z.strictObject({
  options: optional(textMap.describe("Option to Enabled, Disabled or a word (MonitorAggregationLevel)")),
  "policy-enforcement": optional(z.enum(["default", "always", "never"])),
});

export const PrefilterSpec = z
  .strictObject({
    revision: optional(z.int().min(0).max(0xffffffff).describe("0: any")),
    deny: optional(z.array(z.string().max(64)).max(1 << 20)),
  })
  .describe("Source prefixes that are denied, as of a revision");

export const StatedbQuery = z
  .strictObject({
    table: z.string().max(256),
    index: optional(z.string().max(256).describe("Default: the primary key")),
    key: z.string().max(4096),
    match: optional(z.enum(["exact", "prefix", "lowerbound"]).describe("Default: exact")),
  })
  .describe("Which rows are wanted");

export type AddressPair = Model<typeof AddressPair>;
export type EndpointChangeRequest = Model<typeof EndpointChangeRequest>;
export type LabelConfigurationSpec = Model<typeof LabelConfigurationSpec>;
export type EndpointConfigurationSpec = Model<typeof EndpointConfigurationSpec>;
export type DaemonConfigurationSpec = Model<typeof DaemonConfigurationSpec>;
export type PrefilterSpec = Required<Model<typeof PrefilterSpec>>;
export type StatedbQuery = Model<typeof StatedbQuery>;
