// SPDX-License-Identifier: Apache-2.0
// Configuration models of the agent's REST API. The CNI plugin reads the MTUs and the addressing from here.
import type { NodeAddressing } from "./models.ts";

export interface DaemonConfigurationSpec {
  /** Option name to "Enabled", "Disabled" or a word (MonitorAggregationLevel). */
  readonly options?: Readonly<Record<string, string>>;
  readonly "policy-enforcement"?: "default" | "always" | "never";
}

export interface DaemonConfigurationStatus {
  readonly realized: DaemonConfigurationSpec;
  readonly immutable?: Readonly<Record<string, string>>;
  readonly addressing: NodeAddressing;
  readonly "ipam-mode": string;
  readonly datapathMode: string;
  readonly configuredDatapathMode?: string;
  /** MTU of pods' devices; 0: the plugin leaves the device's default. */
  readonly deviceMTU: number;
  /** MTU of pods' default routes; 0: none. */
  readonly routeMTU: number;
  readonly deviceHeadroom?: number;
  readonly deviceTailroom?: number;
  readonly GROMaxSize?: number;
  readonly GSOMaxSize?: number;
  readonly masquerade?: boolean;
  readonly masqueradeProtocols?: { readonly ipv4?: boolean; readonly ipv6?: boolean };
  readonly ipLocalReservedPorts?: string;
  readonly enableRouteMTUForCNIChaining?: boolean;
  readonly "k8s-configuration"?: string;
  readonly "k8s-endpoint"?: string;
  readonly nodeMonitor?: { readonly cpus: number; readonly npages: number; readonly pagesize: number };
  readonly kvstoreConfiguration?: { readonly type: string; readonly options?: Readonly<Record<string, string>> };
  /** Every start-up option by its key; secrets redacted by the agent. */
  readonly daemonConfigurationMap: Readonly<Record<string, unknown>>;
}

export interface DaemonConfiguration {
  readonly spec: DaemonConfigurationSpec;
  readonly status: DaemonConfigurationStatus;
}

/** Version of a program, `cilium version`. */
export interface VersionInfo {
  readonly version: string;
  readonly revision?: string;
  /** Of the runtime, such as "v26.10.0". */
  readonly runtime?: string;
  readonly arch?: string;
}
