// SPDX-License-Identifier: Apache-2.0
// rtnetlink against the real kernel, in throw-away namespaces.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SyscallError } from "../errors.ts";
import { testNetns } from "../testing.ts";
import { Rtnetlink } from "./rtnetlink.ts";

test("createVeth() makes both ends, the peer right in its namespace", () => {
  using a = testNetns();
  using b = testNetns();
  using inA = new Rtnetlink({ netns: a.fd });
  using inB = new Rtnetlink({ netns: b.fd });
  const link = inA.createVeth({
    name: "lxc0",
    mac: "02:00:00:00:00:01",
    mtu: 1450,
    txQueueLength: 777,
    peer: { name: "eth0", netns: b.fd, mac: "02:00:00:00:00:02", mtu: 1400 },
  });
  assert.equal(link.kind, "veth");
  assert.equal(link.mac, "02:00:00:00:00:01");
  assert.equal(link.mtu, 1450);
  assert.equal(link.txQueueLength, 777);
  assert.equal(link.up, false);
  const peer = inB.link("eth0");
  assert.equal(peer?.mac, "02:00:00:00:00:02");
  assert.equal(peer?.mtu, 1400);
  assert.equal(link.peerIfindex, peer?.ifindex);
  assert.equal(inA.link("eth0"), undefined);
  assert.deepEqual(
    inA
      .links()
      .map(({ name }) => name)
      .sort(),
    ["lo", "lxc0"],
  );
  assert.equal(inA.link("lo")?.up, true);
});

test("setLink() changes flags, MTU, MAC, names and namespace", () => {
  using a = testNetns();
  using b = testNetns();
  using inA = new Rtnetlink({ netns: a.fd });
  using inB = new Rtnetlink({ netns: b.fd });
  inA.createVeth({ name: "v0", peer: { name: "v1" } });
  inA.setLink("v1", { noAddrGen: true, up: true });
  inA.setLink("v0", { up: true, mtu: 1300, mac: "02:00:00:00:00:09", noArp: true, noAddrGen: true });
  const changed = inA.link("v0");
  assert.deepEqual([changed?.up, changed?.mtu, changed?.mac, changed?.noArp], [true, 1300, "02:00:00:00:00:09", true]);
  assert.equal(changed?.operState, "up");
  assert.deepEqual(inA.addresses({ ifindex: changed?.ifindex ?? 0, family: 6 }), []);
  const long = "a-name-that-is-longer-than-15-bytes";
  inA.setLink("v0", { altName: long });
  assert.equal(inA.link(long)?.name, "v0");
  assert.deepEqual(inA.link("v0")?.altNames, [long]);
  inA.setLink("v0", { up: false });
  inA.setLink("v0", { name: "w0" });
  inA.setLink("w0", { netns: b.fd });
  assert.equal(inA.link("w0"), undefined);
  assert.equal(inB.link("w0")?.kind, "veth");
});

test("createVxlan(), createBridge() and master; deleteLink() says whether there was one", () => {
  using ns = testNetns();
  using netlink = new Rtnetlink({ netns: ns.path });
  const vxlan = netlink.createVxlan({ name: "vx0", port: 8472, externalMetadata: true, mac: "02:00:00:00:00:05" });
  assert.equal(vxlan.kind, "vxlan");
  assert.equal(vxlan.externalTunnelPort, 8472);
  const bridge = netlink.createBridge({ name: "br0" });
  netlink.createVeth({ name: "v0", peer: { name: "v1" } });
  netlink.setLink("v0", { master: bridge.ifindex });
  assert.equal(netlink.link("v0")?.master, bridge.ifindex);
  netlink.setLink("v0", { master: null });
  assert.equal(netlink.link("v0")?.master, undefined);
  assert.equal(netlink.deleteLink("vx0"), true);
  assert.equal(netlink.deleteLink("vx0"), false);
  assert.throws(() => netlink.setLink("vx0", { up: true }), { code: "ENODEV", message: /Cannot find device "vx0"/ });
});

test("errors carry the kernel's own words", () => {
  using ns = testNetns();
  using netlink = new Rtnetlink({ netns: ns.fd });
  netlink.createBridge({ name: "br0" });
  assert.throws(
    () => netlink.createBridge({ name: "br0" }),
    (error) => error instanceof SyscallError && error.code === "EEXIST" && error.message.includes('"br0"'),
  );
  assert.throws(() => netlink.setLink("br0", { mtu: 10 }), {
    code: "EINVAL",
    message: 'Cannot change device "br0": EINVAL (mtu less than device minimum)',
  });
});

test("addresses of both families are added, listed and deleted", () => {
  using ns = testNetns();
  using netlink = new Rtnetlink({ netns: ns.fd });
  const { ifindex } = netlink.createVeth({ name: "v0", peer: { name: "v1" } });
  netlink.setLink("v1", { up: true });
  netlink.setLink("v0", { up: true, noAddrGen: true });
  netlink.addAddress({ ifindex, address: "10.1.0.1", prefixLength: 32, scope: "link" });
  netlink.addAddress({ ifindex, address: "10.1.0.1", prefixLength: 32, scope: "link" });
  netlink.addAddress({ ifindex, address: "fd00:10:1::1", prefixLength: 128, noDad: true, noPrefixRoute: true });
  const listed = netlink.addresses({ ifindex });
  assert.deepEqual(
    listed.map(({ address, prefixLength, scope, tentative }) => [address, prefixLength, scope, tentative]),
    [
      ["10.1.0.1", 32, "link", false],
      ["fd00:10:1::1", 128, "universe", false],
    ],
  );
  assert.equal(netlink.addresses({ ifindex, family: 4 }).length, 1);
  assert.equal(netlink.deleteAddress({ ifindex, address: "fd00:10:1::1", prefixLength: 128 }), true);
  assert.equal(netlink.deleteAddress({ ifindex, address: "fd00:10:1::1", prefixLength: 128 }), false);
  assert.equal(netlink.deleteAddress({ ifindex, address: "10.1.0.9", prefixLength: 32 }), false);
});

test("routes of both families are replaced, listed and deleted", () => {
  using ns = testNetns();
  using netlink = new Rtnetlink({ netns: ns.fd });
  const { ifindex } = netlink.createVeth({ name: "v0", peer: { name: "v1" } });
  netlink.setLink("v1", { up: true });
  netlink.setLink("v0", { up: true, noAddrGen: true });
  netlink.addAddress({ ifindex, address: "10.1.0.1", prefixLength: 32 });
  netlink.addAddress({ ifindex, address: "fd00:10:1::1", prefixLength: 128, noDad: true });
  netlink.replaceRoute({
    destination: "10.2.0.0/24",
    ifindex,
    gateway: "10.9.9.9",
    onlink: true,
    mtu: 1450,
    source: "10.1.0.1",
  });
  netlink.replaceRoute({ destination: "10.2.0.0/24", ifindex, gateway: "10.9.9.8", onlink: true, mtu: 1400 });
  const [route, ...more] = netlink.routes({ family: 4, table: 254 });
  assert.deepEqual(more, []);
  assert.deepEqual(
    [route?.destination, route?.gateway, route?.mtu, route?.onlink, route?.scope, route?.protocol, route?.source],
    ["10.2.0.0/24", "10.9.9.8", 1400, true, "universe", 4, undefined],
  );
  netlink.replaceRoute({ destination: "::/0", ifindex, table: 2004, metric: 50, protocol: 99 });
  netlink.replaceRoute({ destination: "0.0.0.0/0", ifindex, table: 2004, scope: "link" });
  netlink.replaceRoute({ destination: "10.3.0.0/16", type: "blackhole", table: 2004 });
  const table = netlink.routes({ table: 2004 });
  assert.deepEqual(table.map(({ destination, type }) => `${destination} ${type}`).sort(), [
    "0.0.0.0/0 unicast",
    "10.3.0.0/16 blackhole",
    "::/0 unicast",
  ]);
  assert.equal(table.find(({ destination }) => destination === "::/0")?.protocol, 99);
  assert.equal(netlink.deleteRoute({ destination: "::/0", table: 2004 }), true);
  assert.equal(netlink.deleteRoute({ destination: "::/0", table: 2004 }), false);
  assert.equal(netlink.deleteRoute({ destination: "10.2.0.0/24" }), true);
  assert.equal(netlink.deleteRoute({ destination: "10.3.0.0/16", table: 2004 }), true);
  assert.deepEqual(netlink.routes({ table: 4711 }), []);
  netlink.replaceRoute({ destination: "10.4.0.0/24", ifindex, gateway: "fd00:10:1::9", onlink: true });
  assert.equal(netlink.routes({ family: 4, table: 254 })[0]?.gateway, "fd00:10:1::9");
  netlink.deleteLink("v0");
  for (const table of [254, 4711]) assert.deepEqual(netlink.routes({ table, ifindex }), []);
});

test("rules are added once, listed and deleted", () => {
  using ns = testNetns();
  using netlink = new Rtnetlink({ netns: ns.fd });
  const rule = { family: 4, priority: 9, table: 2004, mark: 0x200, mask: 0xf00, source: "10.1.0.0/16" } as const;
  assert.equal(netlink.addRule(rule), true);
  assert.equal(netlink.addRule(rule), false);
  netlink.addRule({ family: 6, priority: 9, table: 2005, mark: 0x200, mask: 0xf00 });
  const found = netlink.rules(4).find(({ priority }) => priority === 9);
  assert.deepEqual(
    { ...rule },
    { family: 4, priority: 9, table: found?.table, mark: found?.mark, mask: found?.mask, source: found?.source },
  );
  assert.equal(netlink.rules().filter(({ priority }) => priority === 9).length, 2);
  assert.equal(netlink.deleteRule(rule), true);
  assert.equal(netlink.deleteRule(rule), false);
});

test("neighbours are set, listed and deleted", () => {
  using ns = testNetns();
  using netlink = new Rtnetlink({ netns: ns.fd });
  const { ifindex } = netlink.createVeth({ name: "v0", peer: { name: "v1" } });
  netlink.setLink("v0", { up: true, noAddrGen: true });
  netlink.replaceNeighbor({ ifindex, address: "10.1.0.2", mac: "02:00:00:00:00:02" });
  netlink.replaceNeighbor({ ifindex, address: "fd00::2", mac: "02:00:00:00:00:03", router: true });
  const listed = netlink.neighbors({ ifindex }).filter(({ state }) => state === 0x80);
  assert.deepEqual(listed.map(({ address, mac, flags }) => `${address} ${mac} ${flags}`).sort(), [
    "10.1.0.2 02:00:00:00:00:02 0",
    "fd00::2 02:00:00:00:00:03 128",
  ]);
  assert.equal(netlink.deleteNeighbor({ ifindex, address: "10.1.0.2" }), true);
  assert.equal(netlink.deleteNeighbor({ ifindex, address: "10.1.0.2" }), false);
});
