// SPDX-License-Identifier: Apache-2.0
// What request bodies may look like; unknown fields are refused by name.
import { z } from "zod";
import { checkShape } from "../core/index.ts";
import { ApiError } from "./errors.ts";

const text = z.string().max(4096);
const addressPair = z.strictObject({
  ipv4: text.optional(),
  ipv6: text.optional(),
  "ipv4-expiration-uuid": text.optional(),
  "ipv6-expiration-uuid": text.optional(),
  "ipv4-pool-name": text.optional(),
  "ipv6-pool-name": text.optional(),
});
const states = [
  "waiting-for-identity",
  "not-ready",
  "waiting-to-regenerate",
  "regenerating",
  "restoring",
  "ready",
  "disconnecting",
  "disconnected",
  "invalid",
] as const;

export const endpointChangeRequest = z.strictObject({
  id: z.int().min(0).max(65535).optional(),
  "container-id": text.optional(),
  "container-name": text.optional(),
  "container-netns-path": text.optional(),
  "container-interface-name": text.optional(),
  "netns-cookie": text.optional(),
  "interface-name": text.optional(),
  "interface-index": z.int().min(0).optional(),
  "parent-interface-index": z.int().min(0).optional(),
  mac: text.optional(),
  "host-mac": text.optional(),
  addressing: addressPair.optional(),
  labels: z.array(text).max(1000).optional(),
  "k8s-pod-name": text.optional(),
  "k8s-namespace": text.optional(),
  "k8s-uid": text.optional(),
  state: z.enum(states).optional(),
  "sync-build-endpoint": z.boolean().optional(),
  "policy-enabled": z.boolean().optional(),
  "datapath-map-id": z.int().optional(),
  "datapath-configuration": z
    .strictObject({
      "require-arp-passthrough": z.boolean().optional(),
      "require-egress-prog": z.boolean().optional(),
      "external-ipam": z.boolean().optional(),
      "require-routing": z.boolean().optional(),
      "install-endpoint-route": z.boolean().optional(),
      "disable-sip-verification": z.boolean().optional(),
    })
    .optional(),
  properties: z.record(text, z.unknown()).optional(),
  pid: z.int().min(0).optional(),
});

export const endpointBatchDelete = z.strictObject({ "container-id": text.min(1) });

export const configurationSpec = z.strictObject({
  options: z.record(text, text).optional(),
  "policy-enforcement": z.enum(["default", "always", "never"]).optional(),
});

export const prefilterSpec = z.strictObject({
  revision: z.int().min(0).max(0xffffffff).optional(),
  deny: z
    .array(z.string().max(64))
    .max(1 << 20)
    .optional(),
});

export const endpointConfigurationSpec = z.strictObject({
  options: z.record(text, text).optional(),
  "label-configuration": z.strictObject({ user: z.array(text).max(1000).optional() }).optional(),
});

export const labelList = z.array(text).max(1000);

/** Checks a body; ApiError 400 names the field and what was expected. */
export function checkBody<Schema extends z.ZodType>(schema: Schema, body: unknown, what: string): z.infer<Schema> {
  const result = checkShape(schema, body);
  if (result.ok) return result.value;
  const where = result.where === "" ? "" : ` field "${result.where}"`;
  throw new ApiError(400, `Cannot read ${what}${where}: ${result.problem}`);
}
