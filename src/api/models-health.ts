// SPDX-License-Identifier: Apache-2.0
// Models of cilium-health's API (base /v1beta), with its JSON names.

/** One address by one protocol. */
export interface ConnectivityStatus {
  /** Nanoseconds; 0 when it did not answer. */
  readonly latency: number;
  /** Empty when it answered, else the problem. */
  readonly status: string;
  /** RFC 3339. */
  readonly lastProbed: string;
}

/** One address that is probed. Protocols that were not probed yet are absent. */
export interface PathStatus {
  readonly ip: string;
  readonly icmp?: ConnectivityStatus;
  readonly http?: ConnectivityStatus;
}

export interface HostStatus {
  readonly "primary-address"?: PathStatus;
  readonly "secondary-addresses"?: readonly PathStatus[];
}

export interface NodeHealthStatus {
  /** `cluster/name`. */
  readonly name: string;
  readonly host?: HostStatus;
  readonly "health-endpoint"?: HostStatus;
}

export interface HealthStatusResponse {
  /** RFC 3339; when the newest probe was. */
  readonly timestamp: string;
  /** Of a round, such as `1m36s`. */
  readonly probeInterval: string;
  readonly local: { readonly name: string };
  readonly nodes: readonly NodeHealthStatus[];
}
