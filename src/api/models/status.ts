// SPDX-License-Identifier: Apache-2.0
// The state of the agent and its parts (GET /healthz). Absent parts are not shown.
import { z } from "zod";
import { NodeElement } from "./node.ts";
import { count, longText, type Model, optional, texts, time } from "./schema.ts";

const ComponentState = z.enum(["Ok", "Warning", "Failure", "Disabled"]);
const flag = optional(z.boolean());

export const Status = z.strictObject({ state: ComponentState, msg: optional(longText) });

export const ControllerStatus = z.strictObject({
  name: longText,
  uuid: optional(longText),
  configuration: optional(z.unknown()),
  status: z.strictObject({
    "success-count": optional(count),
    "last-success-timestamp": optional(time),
    "failure-count": optional(count),
    "consecutive-failure-count": optional(count),
    "last-failure-msg": optional(longText),
    "last-failure-timestamp": optional(time),
  }),
});

export const ModuleStatus = z.strictObject({
  name: longText,
  state: z.enum(["ok", "degraded", "stopped"]),
  message: optional(longText),
});

export const HubbleStatus = z.strictObject({
  state: ComponentState,
  msg: optional(longText),
  observer: optional(
    z.strictObject({
      "current-flows": count,
      "max-flows": count,
      "seen-flows": count,
      uptime: count.describe("Nanoseconds"),
    }),
  ),
});

export const KubeProxyReplacement = z.strictObject({
  mode: z.enum(["True", "False"]),
  deviceList: optional(z.array(z.strictObject({ name: longText, ip: optional(texts) }))),
  directRoutingDevice: optional(longText),
  features: optional(z.record(longText, z.unknown())),
});

export const IPAMStatus = z.strictObject({
  status: longText.describe('One line, "IPv4: 5/254 allocated from 10.244.0.0/24, "'),
  allocations: optional(z.record(longText, longText).describe("Address to owner")),
  ipv4: optional(texts),
  ipv6: optional(texts),
});

export const MonitorStatus = z.strictObject({
  cpus: count,
  npages: count,
  pagesize: count,
  lost: optional(count),
  unknown: optional(count),
});

export const ProxyStatus = z.strictObject({
  ip: optional(longText),
  "port-range": optional(longText),
  "total-redirects": optional(count),
  redirects: optional(z.array(z.strictObject({ proxy: longText, name: longText, "proxy-port": count }))),
  "envoy-deployment-mode": optional(z.enum(["embedded", "external"])),
});

export const BigTcpStatus = z.strictObject({
  enabled: z.boolean(),
  maxGRO: optional(count),
  maxGSO: optional(count),
});

export const Masquerading = z.strictObject({
  enabled: z.boolean(),
  enabledProtocols: optional(z.strictObject({ ipv4: flag, ipv6: flag })),
  mode: optional(z.enum(["BPF", "iptables"])),
  "ip-masq-agent": flag,
  devices: optional(texts),
  "snat-exclusion-cidr-v4": optional(longText),
  "snat-exclusion-cidr-v6": optional(longText),
});

export const Routing = z.strictObject({
  "inter-host-routing-mode": z.enum(["Tunnel", "Native"]),
  "intra-host-routing-mode": z.enum(["BPF", "Legacy"]),
  "tunnel-protocol": optional(z.enum(["vxlan", "geneve"])),
});

export const BPFMapStatus = z.strictObject({
  "dynamic-size-ratio": optional(z.number()),
  maps: z.array(z.strictObject({ name: longText, size: count })),
});

export const EncryptionStatus = z.strictObject({
  mode: z.enum(["Disabled", "IPsec", "Wireguard", "Ztunnel"]),
  msg: optional(longText),
  wireguard: optional(z.unknown()),
  ipsec: optional(z.unknown()),
});

export const ClusterStatus = z.strictObject({
  self: optional(longText),
  nodes: optional(z.array(NodeElement)),
  ciliumHealth: optional(Status),
});

export const StatusResponse = z.strictObject({
  cilium: Status.describe("The agent as a whole; `cilium status` fails unless it is Ok or Disabled"),
  kvstore: optional(Status),
  kubernetes: optional(
    z.strictObject({ state: ComponentState, msg: optional(longText), "k8s-api-versions": optional(texts) }),
  ),
  "cni-file": optional(Status),
  "cni-chaining": optional(z.strictObject({ mode: longText })),
  "host-firewall": optional(z.strictObject({ mode: z.enum(["Disabled", "Enabled"]), devices: optional(texts) })),
  hubble: optional(HubbleStatus),
  "hubble-metrics": optional(Status),
  "datapath-mode": optional(longText),
  "configured-datapath-mode": optional(longText),
  "attach-mode": optional(z.enum(["tc", "tcx"])),
  "kube-proxy-replacement": optional(KubeProxyReplacement),
  srv6: optional(z.strictObject({ enabled: z.boolean(), srv6EncapMode: optional(longText) })),
  ipam: optional(IPAMStatus),
  nodeMonitor: optional(MonitorStatus),
  cluster: optional(ClusterStatus),
  "cluster-mesh": optional(
    z.strictObject({ "num-global-services": optional(count), clusters: optional(z.array(z.unknown())) }),
  ),
  controllers: optional(z.array(ControllerStatus)),
  proxy: optional(ProxyStatus),
  "identity-range": optional(z.strictObject({ "min-identity": count, "max-identity": count })),
  "ipv4-big-tcp": optional(BigTcpStatus),
  "ipv6-big-tcp": optional(BigTcpStatus),
  "bandwidth-manager": optional(
    z.strictObject({ enabled: z.boolean(), devices: optional(texts), congestionControl: optional(longText) }),
  ),
  masquerading: optional(Masquerading),
  routing: optional(Routing),
  "clock-source": optional(z.strictObject({ mode: z.enum(["ktime", "jiffies"]), hertz: optional(count) })),
  stale: optional(z.record(longText, time).describe("Probe to the time since which it gave nothing new")),
  "bpf-maps": optional(BPFMapStatus),
  encryption: optional(EncryptionStatus),
  "auth-certificate-provider": optional(Status),
  "client-id": optional(count),
  "missing-features": optional(
    z
      .array(z.strictObject({ name: longText, fallback: longText }))
      .describe("Features that the kernel lacks, and what is done instead"),
  ),
  modules: optional(z.array(ModuleStatus).describe("Health of each module of the agent, in start order")),
});

export type ComponentState = Model<typeof ComponentState>;
export type ComponentStatus = Model<typeof Status>;
export type ControllerStatus = Model<typeof ControllerStatus>;
export type ModuleStatus = Model<typeof ModuleStatus>;
export type HubbleStatus = Model<typeof HubbleStatus>;
export type KubeProxyReplacement = Model<typeof KubeProxyReplacement>;
export type IPAMStatus = Model<typeof IPAMStatus>;
export type MonitorStatus = Model<typeof MonitorStatus>;
export type ProxyStatus = Model<typeof ProxyStatus>;
export type BigTcpStatus = Model<typeof BigTcpStatus>;
export type MasqueradingStatus = Model<typeof Masquerading>;
export type StatusResponse = Model<typeof StatusResponse>;
