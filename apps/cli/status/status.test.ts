// SPDX-License-Identifier: Apache-2.0
// Every line of the screen of `status`, also those of features that no agent tells of yet; exit codes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StatusResponse } from "../../../src/api/index.ts";
import { createMemoryAgent } from "../../../src/api/testing.ts";
import { golden, startCli } from "../harness.ts";

/** Everything is on. */
const everything: StatusResponse = {
  kvstore: { state: "Warning", msg: "etcd: 0/1 connected" },
  kubernetes: {
    state: "Ok",
    msg: "1.33 (v1.33.1) [linux/amd64]",
    "k8s-api-versions": ["core/v1::Pod", "cilium/v2::CiliumNode"],
  },
  "kube-proxy-replacement": {
    mode: "True",
    deviceList: [{ name: "eth0", ip: ["172.18.0.2", "fe80::1"] }, { name: "eth1" }],
    directRoutingDevice: "eth1",
    features: {
      nodePort: { enabled: true, mode: "SNAT", algorithm: "Random", acceleration: "Native", portMin: 1, portMax: 2 },
      socketLB: { enabled: true },
      socketLBTracing: { enabled: true },
      bpfSocketLBHostnsOnly: true,
      externalIPs: { enabled: true },
      hostPort: { enabled: true },
      nat46X64: { enabled: true, service: { enabled: true }, gateway: { enabled: true, prefixes: ["64:ff9b::/96"] } },
      annotations: ["service.cilium.io/type"],
    },
  },
  "host-firewall": { mode: "Enabled", devices: ["eth0", "eth1"] },
  srv6: { enabled: true, srv6EncapMode: "reduced" },
  "cni-chaining": { mode: "generic-veth" },
  "cni-file": { state: "Ok", msg: "successfully wrote CNI configuration file to /host/05-cilium.conflist" },
  cilium: { state: "Ok", msg: "1.20.2 (v1.20.2-abc)" },
  stale: { "kvstore-probe": "2026-01-02T11:50:00Z", "cni-probe": "2026-01-02T11:58:00Z" },
  nodeMonitor: { cpus: 4, npages: 64, pagesize: 4096, unknown: 2 },
  cluster: { ciliumHealth: { state: "Failure", msg: "no probes" } },
  ipam: { status: "IPv4: 1/254 allocated from 10.1.1.0/24, ", allocations: { "10.1.1.1": "router" } },
  "cluster-mesh": { clusters: [{ ready: true }, { ready: false }] },
  "ipv4-big-tcp": { enabled: true, maxGRO: 65536, maxGSO: 196608 },
  "ipv6-big-tcp": { enabled: true, maxGRO: 196608, maxGSO: 196608 },
  "bandwidth-manager": { enabled: true, devices: ["eth0"] },
  routing: { "inter-host-routing-mode": "Native", "intra-host-routing-mode": "Legacy" },
  "attach-mode": "tc",
  "datapath-mode": "netkit",
  "configured-datapath-mode": "auto",
  masquerading: {
    enabled: true,
    mode: "BPF",
    "ip-masq-agent": true,
    devices: ["eth0"],
    "snat-exclusion-cidr-v4": "10.0.0.0/8",
    enabledProtocols: { ipv4: true, ipv6: false },
  },
  "clock-source": { mode: "jiffies", hertz: 250 },
  controllers: [{ name: "cilium-health-ep", status: { "last-success-timestamp": "2026-01-02T09:59:59Z" } }],
  proxy: { ip: "10.1.1.1", "port-range": "10000-20000" },
  "identity-range": { "min-identity": 256, "max-identity": 65535 },
  hubble: {
    state: "Ok",
    observer: { "current-flows": 4095, "max-flows": 4095, "seen-flows": 321, uptime: 100e9 },
  },
  "hubble-metrics": { state: "Disabled" },
  "bpf-maps": { "dynamic-size-ratio": 0.0025, maps: [{ name: "Auth", size: 524288 }] },
  encryption: {
    mode: "Wireguard",
    wireguard: {
      "node-encryption": "Disabled",
      interfaces: [{ name: "cilium_wg0", "public-key": "k=", "listen-port": 51871, "peer-count": 1 }],
    },
  },
  modules: [
    { name: "z", state: "ok", message: "fine" },
    { name: "a", state: "stopped" },
  ],
};

/** The other form of each line that has two. */
const littleOn: StatusResponse = {
  kubernetes: { state: "Disabled", "k8s-api-versions": ["core/v1::Pod"] },
  "kube-proxy-replacement": { mode: "False", deviceList: [{ name: "eth0", ip: ["172.18.0.2"] }], features: {} },
  "host-firewall": { mode: "Disabled", devices: ["eth0"] },
  srv6: { enabled: false },
  cilium: { state: "Ok" },
  cluster: { ciliumHealth: { state: "Disabled" } },
  "ipv4-big-tcp": { enabled: false },
  "bandwidth-manager": { enabled: false },
  masquerading: { enabled: true, mode: "iptables", enabledProtocols: { ipv4: true, ipv6: true } },
  "clock-source": { mode: "ktime" },
  controllers: [],
  hubble: { state: "Warning", msg: "starting" },
  "bpf-maps": { maps: [] },
  encryption: { mode: "IPsec", msg: "2 keys" },
};

test("every line of status has its place and form", async (t) => {
  for (const [name, status] of Object.entries({ everything, little: littleOn })) {
    const { run } = await startCli(t, createMemoryAgent({ override: { healthz: () => status } }).api);
    const { code, stdout, stderr } = await run(["status", "--verbose"]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    golden(`status-${name}`, stdout);
  }
});

test("masquerading is off when both families are", async (t) => {
  const masquerading = { enabled: true, mode: "BPF" as const, enabledProtocols: { ipv4: false, ipv6: false } };
  const { run } = await startCli(
    t,
    createMemoryAgent({ override: { healthz: () => ({ ...littleOn, masquerading }) } }).api,
  );
  assert.match((await run(["status"])).stdout, /^Masquerading: +Disabled$/m);
});

test("status fails when the agent is not well, in one line also when what it needs is not", async (t) => {
  const fault = { state: "Failure" as const, msg: "gone" };
  const failing = { name: "sync", status: { "consecutive-failure-count": 2, "last-failure-msg": "gone" } };
  const well = { cilium: { state: "Ok" as const }, kvstore: { state: "Disabled" as const } };
  for (const [part, text, code, briefCode] of [
    [{}, "OK", 0, 0],
    [{ cilium: { state: "Disabled" } }, "OK", 0, 0],
    [{ cilium: fault }, "error in cilium: gone", 1, 1],
    [{ kvstore: fault }, "error in kvstore: gone", 0, 1],
    [{ kubernetes: fault }, "error in kubernetes: gone", 0, 1],
    [{ cluster: { ciliumHealth: fault } }, "error in cilium-health: gone", 0, 0],
    [{ controllers: [failing] }, "error in controller sync: gone", 0, 0],
  ] as [Partial<StatusResponse>, string, number, number][]) {
    const { run } = await startCli(t, createMemoryAgent({ override: { healthz: () => ({ ...well, ...part }) } }).api);
    assert.deepEqual(await run(["status", "--brief"]), { code: briefCode, stdout: `${text}\n`, stderr: "" });
    assert.equal((await run(["status"])).code, code, text);
    const structured = await run(["status", "--brief", "-o", "json"]);
    assert.deepEqual(JSON.parse(structured.stdout), { ...well, ...part });
    assert.equal(structured.code, 0, "who asks for the answer judges it");
  }
});
