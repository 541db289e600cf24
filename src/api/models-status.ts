// SPDX-License-Identifier: Apache-2.0
// Status models of the agent's REST API (GET /healthz). Absent parts are not shown.
import type { NodeElement } from "./models.ts";

export type ComponentState = "Ok" | "Warning" | "Failure" | "Disabled";

export interface ComponentStatus {
  readonly state: ComponentState;
  readonly msg?: string;
}

export interface StatusResponse {
  /** The agent as a whole; `cilium status` fails unless it is Ok or Disabled. */
  readonly cilium: ComponentStatus;
  readonly kvstore?: ComponentStatus;
  readonly kubernetes?: ComponentStatus & { readonly "k8s-api-versions"?: readonly string[] };
  readonly "cni-file"?: ComponentStatus;
  readonly "cni-chaining"?: { readonly mode: string };
  readonly "host-firewall"?: { readonly mode: "Disabled" | "Enabled"; readonly devices?: readonly string[] };
  readonly hubble?: HubbleStatus;
  readonly "hubble-metrics"?: ComponentStatus;
  readonly "datapath-mode"?: string;
  readonly "configured-datapath-mode"?: string;
  readonly "attach-mode"?: "tc" | "tcx";
  readonly "kube-proxy-replacement"?: KubeProxyReplacement;
  readonly srv6?: { readonly enabled: boolean; readonly srv6EncapMode?: string };
  readonly ipam?: IPAMStatus;
  readonly nodeMonitor?: MonitorStatus;
  readonly cluster?: {
    readonly self?: string;
    readonly nodes?: readonly NodeElement[];
    readonly ciliumHealth?: ComponentStatus;
  };
  readonly "cluster-mesh"?: { readonly "num-global-services"?: number; readonly clusters?: readonly unknown[] };
  readonly controllers?: readonly ControllerStatus[];
  readonly proxy?: ProxyStatus;
  readonly "identity-range"?: { readonly "min-identity": number; readonly "max-identity": number };
  readonly "ipv4-big-tcp"?: BigTcpStatus;
  readonly "ipv6-big-tcp"?: BigTcpStatus;
  readonly "bandwidth-manager"?: {
    readonly enabled: boolean;
    readonly devices?: readonly string[];
    readonly congestionControl?: string;
  };
  readonly masquerading?: MasqueradingStatus;
  readonly routing?: RoutingStatus;
  readonly "clock-source"?: { readonly mode: "ktime" | "jiffies"; readonly hertz?: number };
  /** Probe to the time since which it gave nothing new. */
  readonly stale?: Readonly<Record<string, string>>;
  readonly "bpf-maps"?: {
    readonly "dynamic-size-ratio"?: number;
    readonly maps: readonly { readonly name: string; readonly size: number }[];
  };
  readonly encryption?: {
    readonly mode: "Disabled" | "IPsec" | "Wireguard" | "Ztunnel";
    readonly msg?: string;
    readonly wireguard?: unknown;
    readonly ipsec?: unknown;
  };
  readonly "client-id"?: number;
  /** Ours: health of each module of the agent, in start order. */
  readonly modules?: readonly ModuleStatus[];
}

export interface ModuleStatus {
  readonly name: string;
  readonly state: "ok" | "degraded" | "stopped";
  readonly message?: string;
}

export interface HubbleStatus extends ComponentStatus {
  readonly observer?: {
    readonly "current-flows": number;
    readonly "max-flows": number;
    readonly "seen-flows": number;
    /** Nanoseconds. */
    readonly uptime: number;
  };
}

export interface KubeProxyReplacement {
  readonly mode: "True" | "False";
  readonly deviceList?: readonly { readonly name: string; readonly ip?: readonly string[] }[];
  readonly directRoutingDevice?: string;
  readonly features?: Readonly<Record<string, unknown>>;
}

export interface IPAMStatus {
  /** One line, "IPv4: 5/254 allocated from 10.244.0.0/24, ". */
  readonly status: string;
  /** Address to owner. */
  readonly allocations?: Readonly<Record<string, string>>;
  readonly ipv4?: readonly string[];
  readonly ipv6?: readonly string[];
}

export interface MonitorStatus {
  readonly cpus: number;
  readonly npages: number;
  readonly pagesize: number;
  readonly lost?: number;
  readonly unknown?: number;
}

export interface ControllerStatus {
  readonly name: string;
  readonly uuid?: string;
  readonly configuration?: unknown;
  readonly status: {
    readonly "success-count"?: number;
    readonly "last-success-timestamp"?: string;
    readonly "failure-count"?: number;
    readonly "consecutive-failure-count"?: number;
    readonly "last-failure-msg"?: string;
    readonly "last-failure-timestamp"?: string;
  };
}

export interface ProxyStatus {
  readonly ip?: string;
  readonly "port-range"?: string;
  readonly "total-redirects"?: number;
  readonly redirects?: readonly {
    readonly proxy: string;
    readonly name: string;
    readonly "proxy-port": number;
  }[];
  readonly "envoy-deployment-mode"?: "embedded" | "external";
}

export interface BigTcpStatus {
  readonly enabled: boolean;
  readonly maxGRO?: number;
  readonly maxGSO?: number;
}

export interface MasqueradingStatus {
  readonly enabled: boolean;
  readonly enabledProtocols?: { readonly ipv4?: boolean; readonly ipv6?: boolean };
  readonly mode?: "BPF" | "iptables";
  readonly "ip-masq-agent"?: boolean;
  readonly devices?: readonly string[];
  readonly "snat-exclusion-cidr-v4"?: string;
  readonly "snat-exclusion-cidr-v6"?: string;
}

export interface RoutingStatus {
  readonly "inter-host-routing-mode": "Tunnel" | "Native";
  readonly "intra-host-routing-mode": "BPF" | "Legacy";
  readonly "tunnel-protocol"?: "vxlan" | "geneve";
}
