// SPDX-License-Identifier: Apache-2.0
// For tests: what the agent in memory knows.
import type {
  BPFMap,
  CgroupPodMetadata,
  Endpoint,
  Identity,
  IPListEntry,
  MapEvent,
  NodeElement,
  SelectorIdentityMapping,
  StatusResponse,
} from "../../src/api/index.ts";

const xwing = ["k8s:class=xwing", "k8s:io.kubernetes.pod.namespace=default", "k8s:org=alliance"];
const deathstar = ["k8s:org=empire", "k8s:io.kubernetes.pod.namespace=default", "k8s:class=deathstar"];

export const identities: readonly Identity[] = [
  { id: 24151, labels: deathstar },
  { id: 4711, labels: xwing },
  { id: 1, labels: ["reserved:host"] },
  { id: 666, labels: ["k8s:evil=\u001b[31mred\u202e"] },
];

function endpoint(id: number, identity: Identity | undefined, more: Partial<Endpoint["status"]>): Endpoint {
  return {
    id,
    status: {
      "external-identifiers": { "container-id": `c${id}`, "k8s-namespace": "default", "k8s-pod-name": `pod-${id}` },
      ...(identity === undefined ? {} : { identity }),
      labels: { "security-relevant": identity?.labels ?? [] },
      networking: { addressing: [{ ipv4: `10.1.0.${id % 250}`, ipv6: `fd00:10:1::${id % 250}` }] },
      policy: { realized: { "policy-revision": 2, "policy-enabled": "none" } },
      state: "ready",
      health: { overallHealth: "OK", bpf: "OK", policy: "OK", connected: true },
      log: [
        { timestamp: "2026-01-01T00:00:00Z", code: "ok", state: "ready", message: "Successfully regenerated" },
        { timestamp: "2026-01-01T00:00:09Z", code: "failed", state: "not-ready", message: "verifier\nsaid no" },
      ],
      ...more,
    },
  };
}

const policy = (enabled: "ingress" | "both" | "audit-egress") => ({
  policy: { realized: { "policy-revision": 2, "policy-enabled": enabled } },
});

export const endpoints: readonly Endpoint[] = [
  endpoint(1234, identities[0], policy("ingress")),
  endpoint(99, identities[1], policy("audit-egress")),
  endpoint(7, undefined, { networking: { addressing: [] }, state: "waiting-for-identity" }),
];

export const ips: readonly IPListEntry[] = [
  { cidr: "10.1.0.99/32", identity: 4711, metadata: { source: "kvstore" }, hostIP: "172.31.240.2", encryptKey: 0 },
  { cidr: "10.1.0.9/32", identity: 24151, metadata: { source: "agent" } },
  { cidr: "0.0.0.0/0", identity: 2, metadata: { source: "local" } },
];

export const nodes: readonly NodeElement[] = [
  {
    name: "default/node2",
    "primary-address": { ipv4: { ip: "172.31.240.3", "alloc-range": "10.1.2.0/24" } },
    source: "kvstore",
  },
  {
    name: "default/node1",
    "primary-address": {
      ipv4: { ip: "172.31.240.2", "alloc-range": "10.1.1.0/24" },
      ipv6: { ip: "fd00:31:240::2", "alloc-range": "fd00:10:1:1::/64" },
    },
    source: "local",
  },
];

export const maps: readonly BPFMap[] = [
  { path: "/sys/fs/bpf/tc/globals/cilium_ct4_global" },
  { path: "/sys/fs/bpf/tc/globals/cilium_node_map_v2", cache: [] },
  {
    path: "/sys/fs/bpf/tc/globals/cilium_ipcache_v2",
    cache: [
      { key: "10.1.0.99/32", value: "identity=4711 encryptkey=0", "desired-action": "ok" },
      { key: "10.1.0.9/32", value: "identity=24151", "desired-action": "insert", "last-error": "E2BIG\nmap\tfull" },
    ],
  },
];

export const mapEvents: readonly MapEvent[] = [
  {
    timestamp: "2026-01-02T11:59:00.000Z",
    action: "update",
    key: "10.1.0.99/32",
    value: 'identity="4711"',
    "desired-action": "insert",
    "last-error": "E2BIG",
  },
  { timestamp: "2026-01-02T11:59:01.000Z", action: "delete", key: "10.1.0.99/32" },
];

export const cgroups: readonly CgroupPodMetadata[] = [
  {
    name: "xwing",
    namespace: "default",
    containers: [
      { "cgroup-id": 4242, "cgroup-path": "/sys/fs/cgroup/xwing/a" },
      { "cgroup-id": 4243, "cgroup-path": "/sys/fs/cgroup/xwing/b" },
    ],
    ips: ["10.1.0.99"],
  },
];

const ruleLabels = [
  { source: "k8s", key: "io.cilium.k8s.policy.name", value: "rule1" },
  { source: "k8s", key: "io.cilium.k8s.policy.namespace", value: "default" },
];

export const selectors: readonly SelectorIdentityMapping[] = [
  {
    selector: "&LabelSelector{MatchLabels:map[string]string{any.org: empire,},MatchExpressions:[],}",
    labels: [ruleLabels],
    identities: [24151, 4711],
    users: 2,
  },
  { selector: "&LabelSelector{MatchLabels:map[string]string{any.class: x,},}", labels: [], identities: [], users: 0 },
];

export const status: StatusResponse = {
  cilium: { state: "Ok", msg: "1.20.2 (v1.20.2-abc)" },
  kvstore: { state: "Ok", msg: "etcd: 1/1 connected, has-quorum=true" },
  kubernetes: { state: "Disabled" },
  "kube-proxy-replacement": {
    mode: "True",
    deviceList: [{ name: "eth0", ip: ["172.18.0.2", "fc00::2"] }],
    directRoutingDevice: "eth0",
    features: {
      nodePort: {
        enabled: true,
        mode: "DSR",
        dsrMode: "Geneve",
        algorithm: "Maglev",
        lutSize: 16381,
        portMin: 30000,
        portMax: 32767,
      },
      socketLB: { enabled: true },
      sessionAffinity: { enabled: true },
      nat46X64: { enabled: false },
    },
  },
  "host-firewall": { mode: "Disabled" },
  "attach-mode": "tcx",
  "datapath-mode": "veth",
  nodeMonitor: { cpus: 2, npages: 64, pagesize: 4096, lost: 3 },
  "ipv4-big-tcp": { enabled: true, maxGRO: 196608, maxGSO: 196608 },
  "bandwidth-manager": { enabled: true, congestionControl: "bbr", devices: ["eth0", "eth1"] },
  stale: { "check-locks": "2026-01-02T11:58:00Z" },
  proxy: {
    ip: "10.1.1.9",
    "port-range": "10000-20000",
    "total-redirects": 1,
    redirects: [{ proxy: "http", name: "99:ingress:TCP:80:", "proxy-port": 11000 }],
    "envoy-deployment-mode": "external",
  },
  ipam: {
    status: "IPv4: 3/254 allocated from 10.1.1.0/24, ",
    allocations: { "10.1.1.10": "default/xwing", "10.1.1.9": "router" },
  },
  routing: { "inter-host-routing-mode": "Tunnel", "intra-host-routing-mode": "BPF", "tunnel-protocol": "vxlan" },
  masquerading: { enabled: false },
  controllers: [
    {
      name: "sync-ipcache",
      status: { "success-count": 9, "last-success-timestamp": "2026-01-02T11:59:48Z", "consecutive-failure-count": 0 },
    },
    {
      name: "announce-node",
      status: {
        "last-failure-msg": "etcd is gone",
        "consecutive-failure-count": 4,
        "last-failure-timestamp": "2026-01-02T11:58:00Z",
      },
    },
  ],
  "identity-range": { "min-identity": 256, "max-identity": 65535 },
  hubble: { state: "Disabled" },
  encryption: { mode: "Disabled" },
  "bpf-maps": { maps: [{ name: "Endpoint", size: 65535 }] },
  modules: [
    { name: "datapath", state: "ok" },
    { name: "kvstore", state: "degraded", message: "reconnecting" },
  ],
};
