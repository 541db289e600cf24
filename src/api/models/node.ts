// SPDX-License-Identifier: Apache-2.0
// Nodes of the cluster and their addresses.
import { z } from "zod";
import { count, longText, type Model, optional } from "./schema.ts";

export const NodeAddressingElement = z
  .strictObject({
    enabled: optional(z.boolean()),
    ip: optional(longText),
    "alloc-range": optional(longText.describe("Pods' prefix")),
    "address-type": optional(longText),
  })
  .describe("One family of a node's addresses");

export const NodeAddressing = z
  .strictObject({ ipv4: optional(NodeAddressingElement), ipv6: optional(NodeAddressingElement) })
  .describe("Router addresses of the node (ip) and its pods' prefixes");

export const NodeElement = z
  .strictObject({
    name: longText.describe("cluster/node"),
    "primary-address": optional(NodeAddressing),
    "secondary-addresses": optional(z.array(NodeAddressingElement)),
    "health-endpoint-address": optional(NodeAddressing),
    source: optional(longText.describe("local, kvstore or custom-resource")),
  })
  .describe("A node of the cluster");

export const ClusterNodeStatus = z
  .strictObject({
    "client-id": optional(count.describe("To be sent with the next request, which then gets what changed since")),
    self: longText,
    "nodes-added": z.array(NodeElement),
    "nodes-removed": optional(z.array(NodeElement)),
  })
  .describe("All nodes, or with a known client-id the changes since that client's last request");

export const NodeID = z
  .strictObject({ id: count, ips: z.array(longText) })
  .describe("The number by which maps name a node, and its addresses");

export type NodeAddressingElement = Model<typeof NodeAddressingElement>;
export type NodeAddressing = Model<typeof NodeAddressing>;
export type NodeElement = Model<typeof NodeElement>;
export type ClusterNodeStatus = Model<typeof ClusterNodeStatus>;
export type NodeID = Model<typeof NodeID>;
