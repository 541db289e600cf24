// SPDX-License-Identifier: Apache-2.0
// What helps to understand an agent: debug information, cgroups, metrics, features of the kernel.
import { z } from "zod";
import { Endpoint } from "./endpoint.ts";
import { Policy } from "./policy.ts";
import { count, longText, type Model, optional, texts } from "./schema.ts";
import { EncryptionStatus, StatusResponse } from "./status.ts";

export const DebugInfo = z
  .strictObject({
    "cilium-version": longText,
    "kernel-version": longText,
    "cilium-status": StatusResponse,
    "endpoint-list": z.array(Endpoint),
    "service-list": z.array(z.unknown()),
    policy: Policy,
    "cilium-memory-map": longText.describe("Of the agent's process"),
    "environment-variables": texts.describe("Secrets are redacted"),
    subsystem: z.record(longText, longText).describe("A part of the agent to what it says about itself"),
    encryption: EncryptionStatus,
  })
  .describe("What the agent knows, for finding faults");

export const CgroupContainerMetadata = z.strictObject({ "cgroup-id": count, "cgroup-path": longText });

export const CgroupPodMetadata = z.strictObject({
  name: longText,
  namespace: longText,
  containers: z.array(CgroupContainerMetadata),
  ips: texts,
});

export const CgroupDumpMetadata = z
  .strictObject({ "pod-metadatas": z.array(CgroupPodMetadata) })
  .describe("The cgroups of the pods on this node");

export const Metric = z
  .strictObject({ name: longText, value: z.number(), labels: optional(z.record(longText, longText)) })
  .describe("One value of a metric; histograms have one for each bucket, their sum and count");

export const KernelFeature = z
  .strictObject({
    name: longText,
    available: z.boolean(),
    "min-kernel": longText.describe("First kernel that has it"),
    config: optional(longText.describe("CONFIG symbol that it needs, if it can be left out")),
    reason: optional(longText.describe("What the kernel said when it is not there")),
    fallback: optional(longText.describe("What happens without it; absent: nothing uses it")),
  })
  .describe("What a probe of the kernel found");

export const KernelFeatures = z.strictObject({ kernel: longText, features: z.array(KernelFeature) });

export type DebugInfo = Model<typeof DebugInfo>;
export type CgroupPodMetadata = Model<typeof CgroupPodMetadata>;
export type CgroupDumpMetadata = Model<typeof CgroupDumpMetadata>;
export type Metric = Model<typeof Metric>;
export type KernelFeature = Model<typeof KernelFeature>;
export type KernelFeatures = Model<typeof KernelFeatures>;
