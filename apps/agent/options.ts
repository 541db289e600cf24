// SPDX-License-Identifier: Apache-2.0
// The agent's configuration keys. Names and defaults are Cilium's where Cilium has them.
import { hostname } from "node:os";
import { type Config, type ConfigCheck, configTypes, defineOption } from "../../src/core/index.ts";
import { apiOptions } from "./api-options.ts";
import { mapOptions } from "./map-options.ts";
import { masqueradeChecks, masqueradeOptions } from "./masquerade-options.ts";
import { onlyWithVeth, routingChecks, routingOptions, routingUnfitForSlaves, type Unfit } from "./routing-options.ts";

const { boolean, int, string, pattern, oneOf, cidr, list, map, duration, path } = configTypes;
const isPort = (text: string) => /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65535;

const name = () => pattern(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/, "a DNS label in lower case, at most 63 characters");

/** Every key, by the name that the code uses. */
export const options = {
  clusterName: defineOption({
    name: "cluster-name",
    schema: name(),
    default: "default",
    description: "Name of the cluster",
  }),
  nodeName: defineOption({
    name: "node-name",
    schema: name(),
    default: hostname().toLowerCase(),
    description: "Name of this node",
  }),
  ipv4Node: defineOption({
    name: "ipv4-node",
    schema: string("an IPv4 address, or auto"),
    default: "auto",
    description: "This node's IPv4 address on the underlay",
  }),
  ipv6Node: defineOption({
    name: "ipv6-node",
    schema: string("an IPv6 address, or auto"),
    default: "auto",
    description: "This node's IPv6 address on the underlay",
  }),
  ipv4Range: defineOption({
    name: "ipv4-range",
    schema: cidr(4),
    default: "",
    description: "This node's IPv4 pod CIDR",
  }),
  ipv6Range: defineOption({
    name: "ipv6-range",
    schema: cidr(6),
    default: "",
    description: "This node's IPv6 pod CIDR",
  }),
  enableIpv4: defineOption({ name: "enable-ipv4", schema: boolean(), default: true, description: "Carry IPv4" }),
  enableIpv6: defineOption({ name: "enable-ipv6", schema: boolean(), default: true, description: "Carry IPv6" }),
  cniChainingMode: defineOption({
    name: "cni-chaining-mode",
    schema: oneOf("none", "portmap", "generic-veth", "flannel"),
    default: "none" as const,
    description: "generic-veth, flannel: other CNI plugins make pods' networks, the agent needs no pod CIDRs",
  }),
  ...routingOptions,
  endpointGcInterval: defineOption({
    name: "endpoint-gc-interval",
    schema: duration(),
    default: 300_000,
    description: "How often endpoints whose device is gone are looked for; 0: never",
  }),
  enableHealthChecking: defineOption({
    name: "enable-health-checking",
    schema: boolean(),
    default: true,
    description: "Probe all nodes, and answer their probes",
  }),
  enableEndpointHealthChecking: defineOption({
    name: "enable-endpoint-health-checking",
    schema: boolean(),
    default: true,
    description: "Probe the health endpoints of all nodes, and have one",
  }),
  clusterHealthPort: defineOption({
    name: "cluster-health-port",
    schema: int(1, 65535),
    default: 4240,
    description: "TCP port on which nodes and health endpoints answer probes",
  }),
  agentHealthPort: defineOption({
    name: "agent-health-port",
    schema: int(0, 65535),
    default: 9879,
    description: "TCP port of localhost on which GET /healthz tells whether the agent is well; 0: none",
  }),
  ...apiOptions,
  mtu: defineOption({
    name: "mtu",
    schema: int(0, 65535),
    default: 0,
    description: "MTU of the underlay; 0 takes the device's",
  }),
  packetizationLayerPmtudMode: defineOption({
    name: "packetization-layer-pmtud-mode",
    schema: oneOf("blackhole", "always", "disabled"),
    default: "blackhole" as const,
    description: "When TCP in pods looks for the path MTU by itself: where large packets get lost, always or never",
  }),
  kvstore: defineOption({
    name: "kvstore",
    schema: oneOf("memory", "etcd"),
    default: "memory" as const,
    description: "Where identities, nodes and addresses are shared: memory (one node alone) or etcd",
  }),
  kvstoreOpt: defineOption({
    name: "kvstore-opt",
    schema: map(),
    default: new Map<string, string>(),
    description: "Settings of the key-value store, such as etcd.address=http://127.0.0.1:2379",
  }),
  kvstoreLeaseTtl: defineOption({
    name: "kvstore-lease-ttl",
    schema: duration(1000),
    default: 900_000,
    description: "After what time what a dead node announced is withdrawn",
  }),
  identityArrivalTimeout: defineOption({
    name: "identity-arrival-timeout",
    schema: duration(),
    default: 5000,
    description: "How long a new pod waits until the policies of all nodes know its identity",
  }),
  staticResources: defineOption({
    name: "static-resources",
    schema: path("folder", { none: true }),
    default: "",
    description: "Folder of manifests: pods, namespaces, policies",
  }),
  devices: defineOption({
    name: "devices",
    schema: list(),
    default: [] as readonly string[],
    description:
      "Devices that lead out of the node (eth+ is every eth…); none: those with a node address or a default route",
  }),
  enableXdpPrefilter: defineOption({
    name: "enable-xdp-prefilter",
    schema: boolean(),
    default: false,
    description: "Drop packets of denied source prefixes as soon as they come in (cilium-dbg prefilter)",
  }),
  ...masqueradeOptions,
  enablePolicy: defineOption({
    name: "enable-policy",
    schema: oneOf("default", "always", "never"),
    default: "default" as const,
    description: "When endpoints deny what no rule allows",
  }),
  policyDefaultLocalCluster: defineOption({
    name: "policy-default-local-cluster",
    schema: boolean(),
    default: true,
    description: "Peers of policies that name no cluster live in the local one",
  }),
  policyCidrMatchMode: defineOption({
    name: "policy-cidr-match-mode",
    schema: list(),
    default: [] as readonly string[],
    description: "Whom CIDR rules match by address beside addresses outside of the cluster: nodes, pods",
  }),
  enableNodeSelectorLabels: defineOption({
    name: "enable-node-selector-labels",
    schema: boolean(),
    default: false,
    description: "Let policies select nodes as peers by label",
  }),
  enableHostFirewall: defineOption({
    name: "enable-host-firewall",
    schema: boolean(),
    default: false,
    description: "Let policies for nodes hold",
  }),
  policyConfirmTimeout: defineOption({
    name: "policy-confirm-timeout",
    schema: duration(),
    default: 60_000,
    description: "How long a policy for hosts is on trial before it is reverted",
  }),
  policyConfirmTargets: defineOption({
    name: "policy-confirm-targets",
    schema: list("a list of ADDRESS:PORT apart by commas", (text) =>
      isPort(/^(?:[\w.-]+|\[[0-9a-f:.]+\]):(\d+)$/i.exec(text)?.[1] ?? ""),
    ),
    default: [] as readonly string[],
    description: "ADDRESS:PORT that the node has to reach with a new policy for hosts, beside etcd and other nodes",
  }),
  policyConfirmPorts: defineOption({
    name: "policy-confirm-ports",
    schema: list("a list of ports apart by commas", isPort),
    default: ["22", "6443"] as readonly string[],
    description: "Own TCP ports that a new policy for hosts has to leave open to somebody, where one listens",
  }),
  policyAuditMode: defineOption({
    name: "policy-audit-mode",
    schema: boolean(),
    default: false,
    description: "Report what policy denies, and let it pass",
  }),
  enableSourceIpVerification: defineOption({
    name: "enable-source-ip-verification",
    schema: boolean(),
    default: true,
    description: "Drop what a pod sends from an address that is not its own",
  }),
  labels: defineOption({
    name: "labels",
    schema: list(),
    default: [] as readonly string[],
    description: "Which labels make identities",
  }),
  bpfRoot: defineOption({
    name: "bpf-root",
    schema: path("folder"),
    default: "/sys/fs/bpf",
    description: "bpffs mount for maps and links",
  }),
  cgroupRoot: defineOption({
    name: "cgroup-root",
    schema: path("folder"),
    default: "/run/cilium/cgroupv2",
    description: "cgroup v2 mount",
  }),
  stateDir: defineOption({
    name: "state-dir",
    schema: path("folder"),
    default: "/var/run/cilium",
    description: "Sockets, endpoints, and what must survive a restart",
  }),
  socketPath: defineOption({
    name: "socket-path",
    schema: path("file", { none: true }),
    default: "",
    description: "The REST API's socket; default cilium.sock in the state folder",
  }),
  shellSocketPath: defineOption({
    name: "shell-sock-path",
    schema: path("file", { none: true }),
    default: "",
    description: "The shell's socket; default shell.sock beside the REST API's",
  }),
  ...mapOptions,
  monitorAggregation: defineOption({
    name: "monitor-aggregation",
    schema: oneOf("none", "low", "medium", "maximum"),
    default: "medium" as const,
    description: "How much trace events are summed up in the kernel",
  }),
  monitorInterval: defineOption({
    name: "monitor-aggregation-interval",
    schema: duration(),
    default: 5000,
    description: "Time between two trace events of a busy flow",
  }),
  eventsDrop: defineOption({
    name: "bpf-events-drop-enabled",
    schema: boolean(),
    default: true,
    description: "Report drops",
  }),
  eventsTrace: defineOption({
    name: "bpf-events-trace-enabled",
    schema: boolean(),
    default: true,
    description: "Report traces",
  }),
  eventsVerdict: defineOption({
    name: "bpf-events-policy-verdict-enabled",
    schema: boolean(),
    default: true,
    description: "Report policy verdicts",
  }),
  debug: defineOption({ name: "debug", schema: boolean(), default: false, description: "Log more" }),
  logFormat: defineOption({
    name: "log-format",
    schema: oneOf("text", "json"),
    default: "text" as const,
    description: "Form of the log",
  }),
} as const;

/** Whether other CNI plugins make pods' networks. */
export function isChaining(config: Config): boolean {
  const mode = config.get(options.cniChainingMode);
  return mode === "generic-veth" || mode === "flannel";
}

/** What ipvlan pods do not get along with, whatever the mode of new ones. */
export const unfitForSlaves: Unfit = {
  ...routingUnfitForSlaves,
  "enable-host-firewall": (config) =>
    config.get(options.enableHostFirewall) ? { found: "true", allowed: "false" } : undefined,
};

/** Rules over several keys. */
export const checks: readonly ConfigCheck[] = [
  ...masqueradeChecks,
  ...routingChecks,
  ...onlyWithVeth({
    ...unfitForSlaves,
    "cni-chaining-mode": (config) =>
      isChaining(config) ? { found: config.get(options.cniChainingMode), allowed: "none" } : undefined,
  }),
  (config) =>
    config.get(options.enableIpv4) || config.get(options.enableIpv6)
      ? undefined
      : { key: "enable-ipv4", found: "false, as enable-ipv6", allowed: "true for at least one of them" },
  (config) =>
    !isChaining(config) && config.get(options.enableIpv4) && config.get(options.ipv4Range) === ""
      ? { key: "ipv4-range", found: "nothing", allowed: "this node's pod CIDR, or enable-ipv4=false" }
      : undefined,
  (config) =>
    !isChaining(config) && config.get(options.enableIpv6) && config.get(options.ipv6Range) === ""
      ? { key: "ipv6-range", found: "nothing", allowed: "this node's pod CIDR, or enable-ipv6=false" }
      : undefined,
  (config) =>
    config.get(options.kvstore) === "etcd" && config.get(options.kvstoreOpt).size === 0
      ? { key: "kvstore-opt", found: "nothing", allowed: "etcd.address=URL or etcd.config=FILE with kvstore=etcd" }
      : undefined,
  (config) => {
    const unknown = config.get(options.policyCidrMatchMode).find((word) => word !== "nodes" && word !== "pods");
    return unknown === undefined
      ? undefined
      : { key: "policy-cidr-match-mode", found: `"${unknown}"`, allowed: "nodes, pods, or both with a comma" };
  },
];
