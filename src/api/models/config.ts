// SPDX-License-Identifier: Apache-2.0
// The agent's configuration and version. The CNI plugin reads the MTUs and the addressing from here.
import { z } from "zod";
import { NodeAddressing } from "./node.ts";
import { DaemonConfigurationSpec } from "./request.ts";
import { count, longText, type Model, optional, textMap } from "./schema.ts";

export const DaemonConfigurationStatus = z.strictObject({
  realized: DaemonConfigurationSpec,
  immutable: optional(textMap),
  addressing: NodeAddressing,
  "ipam-mode": longText,
  datapathMode: longText,
  configuredDatapathMode: optional(longText),
  ipvlanConfiguration: optional(
    z
      .strictObject({ masterDeviceIndex: count, operationMode: longText })
      .describe("With datapathMode ipvlan: of which device pods' devices are slaves"),
  ),
  deviceMTU: count.describe("MTU of pods' devices; 0: the plugin leaves the device's default"),
  routeMTU: count.describe("MTU of pods' default routes; 0: none"),
  packetizationLayerPMTUDMode: optional(
    z.enum(["blackhole", "always", "disabled"]).describe("For net.ipv4.tcp_mtu_probing of pods: 1, 2, 0"),
  ),
  deviceHeadroom: optional(count),
  deviceTailroom: optional(count),
  GROMaxSize: optional(count),
  GSOMaxSize: optional(count),
  GROIPV4MaxSize: optional(count),
  GSOIPV4MaxSize: optional(count),
  masquerade: optional(z.boolean()),
  masqueradeProtocols: optional(z.strictObject({ ipv4: optional(z.boolean()), ipv6: optional(z.boolean()) })),
  ipLocalReservedPorts: optional(longText),
  enableRouteMTUForCNIChaining: optional(z.boolean()),
  enableBBRHostNamespaceOnly: optional(z.boolean()),
  installUplinkRoutesForDelegatedIPAM: optional(z.boolean()),
  "k8s-configuration": optional(longText),
  "k8s-endpoint": optional(longText),
  nodeMonitor: optional(z.strictObject({ cpus: count, npages: count, pagesize: count })),
  kvstoreConfiguration: optional(z.strictObject({ type: longText, options: optional(textMap) })),
  daemonConfigurationMap: z
    .record(longText, z.unknown())
    .describe("Every start-up option by its key; secrets are redacted"),
});

export const DaemonConfiguration = z.strictObject({
  spec: DaemonConfigurationSpec,
  status: DaemonConfigurationStatus,
});

export const VersionInfo = z.strictObject({
  version: longText,
  revision: optional(longText),
  runtime: optional(longText.describe("Of the runtime, such as v26.10.0")),
  arch: optional(longText),
});

export type DaemonConfigurationStatus = Model<typeof DaemonConfigurationStatus>;
export type DaemonConfiguration = Model<typeof DaemonConfiguration>;
export type VersionInfo = Model<typeof VersionInfo>;
