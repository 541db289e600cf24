// SPDX-License-Identifier: Apache-2.0
// The host firewall on a real device, with a real neighbour: what comes in, what goes out, and over restarts.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import "../kernel/testing.ts";
import { HOST_ENDPOINT } from "../abi/index.ts";
import { eventually } from "../core/testing.ts";
import {
  BpfProgram,
  createAnonymousNetns,
  type Fd,
  queryTcx,
  Rtnetlink,
  type TcxHook,
  withNetns,
} from "../kernel/index.ts";
import { createDatapath, type Datapath, type DatapathConfig, type PolicyMapEntry } from "./index.ts";
import { inPrivateNamespaces, privateBpffs, testConfig } from "./testing.ts";

const WORLD_IPV4 = 9;
const SET = 7;
const ICMP = 1;
const ECHO_REQUEST = 8;

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const config = { ...testConfig(privateBpffs()), hostFirewall: true };
  let rtnl: Rtnetlink;
  let outside: Fd;
  let datapath: Datapath;

  before(async () => {
    rtnl = new Rtnetlink();
    outside = createAnonymousNetns();
    rtnl.setLink("lo", { up: true });
    const { ifindex } = rtnl.createVeth({ name: "eth0", peer: { name: "out0", netns: outside } });
    rtnl.setLink("eth0", { up: true });
    rtnl.addAddress({ ifindex, address: "192.0.2.1", prefixLength: 24 });
    rtnl.addAddress({ ifindex, address: "fd00:31::1", prefixLength: 64, noDad: true });
    using other = new Rtnetlink({ netns: outside });
    other.setLink("out0", { up: true });
    other.addAddress({ ifindex: other.link("out0")?.ifindex ?? 0, address: "192.0.2.2", prefixLength: 24 });
    datapath = createDatapath(config);
    await datapath.start();
  });
  after(async () => {
    await datapath.destroy();
    outside.close();
    rtnl.close();
  });

  /** Names of the programs on a hook. */
  const programs = (device: string, hook: TcxHook) =>
    queryTcx(ifindexOf(device), hook).map((id) => {
      using program = BpfProgram.fromId(id);
      return program.name;
    });
  const ifindexOf = (name: string) => rtnl.link(name)?.ifindex ?? 0;
  const restart = async (changed: Partial<DatapathConfig> = {}) => {
    await datapath.stop();
    datapath = createDatapath({ ...config, ...changed });
    await datapath.start();
  };
  /** The host takes these from outside and nothing else. */
  const takesOnly = (revision: number, ...entries: PolicyMapEntry[]) => {
    datapath.maps.policy.writeSet(SET, entries);
    datapath.maps.endpoints.upsertMany([
      {
        ...{ id: HOST_ENDPOINT, mac: "00:00:00:00:00:00", nodeMac: "00:00:00:00:00:00" },
        ...{ ifindex: ifindexOf("cilium_host"), identity: 1, ingressSet: SET, egressSet: 0, policyRevision: revision },
        ...{ enforceIngress: true, enforceEgress: false, audit: false, ready: true },
      },
    ]);
  };
  const echoes: PolicyMapEntry = {
    ...{ direction: "ingress", identity: WORLD_IPV4, protocol: ICMP, port: ECHO_REQUEST, portPrefix: 16 },
    ...{ verdict: "allow", cookie: 16, proxyPort: 0, authType: 0 },
  };
  const reachesHost = () => withNetns(outside, () => pings("192.0.2.1"));
  const cutOff = () => withNetns(outside, () => !pings("192.0.2.1", 1));

  test("is on the device with the node's address, passes all without a policy, and enforces one", () => {
    assert.deepEqual(datapath.hostFirewallDevices(), ["eth0"]);
    assert.ok(reachesHost());
    takesOnly(1);
    assert.ok(cutOff());
    assert.ok(pings("192.0.2.2"), "the answer to the host's own packet");
    takesOnly(2, echoes);
    assert.ok(reachesHost());
  });

  test("threats: stays in force while no agent runs and while one starts", async () => {
    takesOnly(3);
    assert.ok(cutOff());
    await datapath.stop();
    assert.ok(cutOff());
    await restart();
    assert.ok(cutOff());
    takesOnly(4, echoes);
    assert.ok(reachesHost());
  });

  test("covers devices and addresses that come later, and is put back when it was taken off", async () => {
    await restart({ devices: ["eth+", "late0", "non+"] });
    const notes = () =>
      datapath
        .status()
        .flatMap(({ kind, name, error = "" }) => (error.includes("key devices") ? `${kind} ${name}` : []));
    assert.deepEqual(notes(), ["device late0", "device non+"]);
    rtnl.createVeth({ name: "late0", peer: { name: "out0" } });
    await eventually("the program on late0", () => programs("late0", "ingress").includes("cil_from_netdev"));
    assert.deepEqual(notes(), ["device non+"]);
    rtnl.deleteLink("late0");
    await eventually("late0 is missed again", () => notes().length === 2);
    const revision = () => datapath.maps.runtimeConfig.get().ipcacheRevision;
    const before = revision();
    const { ifindex } = rtnl.createVeth({ name: "eth1", peer: { name: "out1" } });
    rtnl.addAddress({ ifindex, address: "198.51.100.1", prefixLength: 24 });
    const host = (address: string) => datapath.maps.lxc.list().some((row) => row.host && row.address === address);
    await eventually("the program on eth1", () => programs("eth1", "ingress").includes("cil_from_netdev"));
    await eventually("the address of eth1", () => host("198.51.100.1"));
    // What was somebody else's may have flows.
    assert.equal(revision(), before + 1n);
    assert.deepEqual(datapath.hostFirewallDevices(), ["eth0", "eth1"]);
    rtnl.deleteLink("eth1");
    await eventually("no address of eth1", () => !host("198.51.100.1"));
  });

  test("turned off, it leaves nothing on the devices", async () => {
    takesOnly(5);
    assert.ok(cutOff());
    await restart({ hostFirewall: false });
    await eventually("no program on eth0", () => !programs("eth0", "ingress").includes("cil_from_netdev"));
    assert.deepEqual(programs("eth0", "egress"), []);
    assert.ok(reachesHost());
  });
}

/** Whether an answer comes within so many seconds. */
function pings(to: string, patience = 30): boolean {
  return spawnSync("ping", ["-c", "1", "-W", String(patience), to]).status === 0;
}
