// SPDX-License-Identifier: Apache-2.0
// The datapath against the real kernel: up, up again, repaired, refused, down.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import "../kernel/testing.ts";
import { eventually } from "../core/testing.ts";
import { BpfLink, BpfMap, queryTcx, readSysctl, writeSysctl } from "../kernel/index.ts";
import { createDatapath, type DatapathEvent, dropReason, fileName } from "./index.ts";
import { deviceLinkPin, endpointLinkPin } from "./loader/pins.ts";
import { mapPinRoot } from "./maps/names.ts";
import { compileBad, inPrivateNamespaces } from "./testing.ts";
import { DatapathNode } from "./testing-node.ts";

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const node = new DatapathNode();
  const { root, config, rtnl } = node;

  const device = (name: string) => {
    const link = rtnl.link(name);
    assert.ok(link !== undefined, `device ${name}`);
    return link;
  };
  const routes = () =>
    rtnl
      .routes({ table: 254, ifindex: device("cilium_host").ifindex })
      .filter((route) => route.protocol === 2)
      .map(({ destination, gateway, source, mtu, scope }) => ({ destination, gateway, source, mtu, scope }));
  const linkId = (pin: string) => {
    using link = BpfLink.openPinned(pin);
    return link.info().id;
  };
  const detach = (pin: string) => {
    using link = BpfLink.openPinned(pin);
    link.detach();
  };
  const pins = () => [
    deviceLinkPin(root, "cilium_host", "cil_from_host"),
    deviceLinkPin(root, "cilium_vxlan", "cil_from_overlay"),
    deviceLinkPin(root, "cilium_vxlan", "cil_to_overlay"),
    deviceLinkPin(root, "eth0", "cil_from_underlay"),
  ];
  const mapIds = () =>
    readdirSync(mapPinRoot(root))
      .sort()
      .map((name) => {
        using map = BpfMap.openPinned(join(mapPinRoot(root), name));
        return `${name} ${map.id}`;
      });
  const allDone = () => node.datapath.status().every((row) => row.state === "done");

  test("start() makes the devices of a Cilium node", () => {
    const host = device("cilium_host");
    const net = device("cilium_net");
    assert.deepEqual([host.peerIfindex, net.peerIfindex], [net.ifindex, host.ifindex]);
    for (const link of [host, net]) {
      assert.deepEqual(
        [link.kind, link.up, link.noArp, link.txQueueLength, link.mtu],
        ["veth", true, true, 1000, 1500],
      );
    }
    const vxlan = device("cilium_vxlan");
    assert.deepEqual([vxlan.kind, vxlan.up, vxlan.mtu], ["vxlan", true, 1500]);
    const addresses = rtnl.addresses({ ifindex: host.ifindex }).map((row) => `${row.address}/${row.prefixLength}`);
    assert.deepEqual(addresses.sort(), ["10.1.0.1/32", "fd00:10:1::1/128"]);
    assert.deepEqual(rtnl.addresses({ ifindex: vxlan.ifindex }), []);
    assert.deepEqual(node.datapath.mtu, { device: 1500, route: 1450 });
    assert.equal(readSysctl("net/ipv4/conf/cilium_host/accept_local").trim(), "1");
    assert.equal(readSysctl("net/ipv6/conf/all/forwarding").trim(), "1");
  });

  test("start() attaches the programs and writes what they are told", () => {
    assert.equal(queryTcx(device("cilium_host").ifindex, "egress").length, 1);
    assert.equal(queryTcx(device("cilium_vxlan").ifindex, "ingress").length, 1);
    assert.equal(queryTcx(device("cilium_vxlan").ifindex, "egress").length, 1);
    const runtime = node.datapath.maps.runtimeConfig.get();
    assert.deepEqual([runtime.monitorAggregation, runtime.monitorInterval], ["medium", 5]);
    assert.deepEqual(runtime.monitorEvents, { drop: true, trace: true, policyVerdict: true });
    assert.ok(runtime.agentLiveness > 0n);
    const hosts = node.datapath.maps.lxc.list().filter((row) => row.host);
    assert.deepEqual(hosts.map((row) => row.address).sort(), ["10.1.0.1", "192.0.2.1", "fd00:10:1::1", "fd00:31::1"]);
    assert.ok(allDone(), JSON.stringify(node.datapath.status()));
  });

  test("setRemoteNodes() writes, changes and prunes routes, and leaves others alone", async () => {
    const { ifindex } = device("cilium_host");
    rtnl.replaceRoute({ destination: "198.51.100.0/24", ifindex, protocol: 4, scope: "link" });
    await node.datapath.setRemoteNodes([
      { name: "node2", ipv4PodCidr: "10.2.0.0/24", ipv6PodCidr: "fd00:10:2::/64" },
      { name: "node3", ipv4PodCidr: "10.3.0.0/24" },
    ]);
    const via = { gateway: "10.1.0.1", source: "10.1.0.1", scope: "universe" };
    const all = routes();
    const find = (destination: string) => all.find((route) => route.destination === destination);
    assert.deepEqual(find("10.1.0.1/32")?.scope, "link");
    assert.deepEqual(find("10.1.0.0/24"), { destination: "10.1.0.0/24", mtu: undefined, ...via });
    assert.deepEqual(find("10.2.0.0/24"), { destination: "10.2.0.0/24", mtu: 1450, ...via });
    assert.equal(find("fd00:10:2::/64")?.mtu, 1450);
    assert.equal(find("fd00:10:1::/64")?.source, "fd00:10:1::1");
    await node.datapath.setRemoteNodes([{ name: "node2", ipv4PodCidr: "10.2.0.0/25" }]);
    const left = routes()
      .map((route) => route.destination)
      .sort();
    assert.deepEqual(left, ["10.1.0.0/24", "10.1.0.1/32", "10.2.0.0/25", "fd00:10:1::/64", "fd00:10:1::1/128"]);
    const foreign = rtnl.routes({ table: 254, ifindex }).find((route) => route.destination === "198.51.100.0/24");
    assert.equal(foreign?.protocol, 4);
    rtnl.deleteRoute({ destination: "198.51.100.0/24", ifindex });
  });

  test("a second start, with the first one gone, keeps devices, maps, links and programs", async () => {
    node.datapath.maps.ipcache.upsertMany([
      { prefix: "10.9.0.1/32", identity: 4711, encryptKey: 0, skipTunnel: false, remoteCluster: false },
    ]);
    const observe = () => ({
      links: pins().map(linkId),
      maps: mapIds(),
      devices: ["cilium_host", "cilium_net", "cilium_vxlan"].map(
        (name) => `${device(name).ifindex} ${device(name).mac}`,
      ),
    });
    const earlier = observe();
    const programs = queryTcx(device("cilium_host").ifindex, "egress");
    await node.datapath.stop();
    assert.deepEqual(observe(), earlier);
    assert.deepEqual(queryTcx(device("cilium_host").ifindex, "egress"), programs);
    await node.start();
    assert.deepEqual(observe(), earlier);
    assert.deepEqual(queryTcx(device("cilium_host").ifindex, "egress"), programs);
    assert.equal(node.datapath.maps.ipcache.get({ prefix: "10.9.0.1/32" })?.identity, 4711);
  });

  test("start() on a running datapath changes nothing", async () => {
    const programs = queryTcx(device("cilium_vxlan").ifindex, "ingress");
    await node.datapath.start();
    assert.deepEqual(queryTcx(device("cilium_vxlan").ifindex, "ingress"), programs);
  });

  const repairs: { name: string; damage: () => void; repaired: () => boolean }[] = [
    {
      name: "a deleted cilium_vxlan, with the programs that name it",
      damage: () => rtnl.deleteLink("cilium_vxlan"),
      repaired: () => {
        const link = rtnl.link("cilium_vxlan");
        return link?.up === true && queryTcx(link.ifindex, "ingress").length === 1;
      },
    },
    {
      name: "a cilium_vxlan of another port",
      damage: () => {
        rtnl.deleteLink("cilium_vxlan");
        rtnl.createVxlan({ name: "cilium_vxlan", port: 4789, externalMetadata: true });
        rtnl.setLink("cilium_vxlan", { up: true, mtu: 1500 });
      },
      repaired: () => rtnl.link("cilium_vxlan")?.externalTunnelPort === 8472 && rtnl.link("cilium_vxlan")?.up === true,
    },
    {
      name: "a deleted cilium_host with its addresses, routes and program",
      damage: () => rtnl.deleteLink("cilium_host"),
      repaired: () => {
        const link = rtnl.link("cilium_host");
        return link?.up === true && queryTcx(link.ifindex, "egress").length === 1 && routes().length === 5;
      },
    },
    {
      name: "cilium_host set down",
      damage: () => rtnl.setLink("cilium_host", { up: false }),
      repaired: () => device("cilium_host").up && routes().length === 5,
    },
    {
      name: "a deleted route",
      damage: () => rtnl.deleteRoute({ destination: "10.1.0.0/24", ifindex: device("cilium_host").ifindex }),
      repaired: () => routes().some((route) => route.destination === "10.1.0.0/24"),
    },
    {
      name: "a changed route",
      damage: () =>
        rtnl.replaceRoute({
          destination: "10.2.0.0/25",
          ifindex: device("cilium_host").ifindex,
          protocol: 2,
          mtu: 900,
          scope: "link",
        }),
      repaired: () => routes().some((route) => route.destination === "10.2.0.0/25" && route.mtu === 1450),
    },
    {
      name: "a deleted address",
      damage: () => {
        const { ifindex } = device("cilium_host");
        rtnl.deleteAddress({ ifindex, address: "10.1.0.1", prefixLength: 32 });
      },
      repaired: () => rtnl.addresses({ family: 4 }).some((row) => row.address === "10.1.0.1") && routes().length === 5,
    },
    {
      name: "a changed sysctl",
      damage: () => writeSysctl("net/ipv4/ip_forward", "0"),
      repaired: () => readSysctl("net/ipv4/ip_forward").trim() === "1",
    },
    {
      name: "a detached program",
      damage: () => detach(deviceLinkPin(root, "cilium_vxlan", "cil_from_overlay")),
      repaired: () => queryTcx(device("cilium_vxlan").ifindex, "ingress").length === 1,
    },
  ];
  for (const { name, damage, repaired } of repairs) {
    test(`repairs ${name}`, async () => {
      await node.datapath.setRemoteNodes([{ name: "node2", ipv4PodCidr: "10.2.0.0/25" }]);
      assert.ok(repaired(), "whole before");
      damage();
      assert.ok(!repaired(), "damaged");
      await eventually(name, repaired);
      assert.ok(node.datapath.status().some((row) => row.repairs > 0));
      assert.ok(allDone(), JSON.stringify(node.datapath.status()));
    });
  }

  test("the underlay's program goes where the tunnel's address goes, to Ethernet devices only", async () => {
    const other = rtnl.createVeth({ name: "eth1", peer: { name: "underlay1" } }).ifindex;
    const own = device("eth0").ifindex;
    const move = (from: number, to: number) => {
      rtnl.deleteAddress({ ifindex: from, address: "192.0.2.1", prefixLength: 24 });
      rtnl.addAddress({ ifindex: to, address: "192.0.2.1", prefixLength: 24 });
    };
    const programs = () => [own, other].map((ifindex) => queryTcx(ifindex, "ingress").length);
    assert.deepEqual(programs(), [1, 0]);
    move(own, other);
    await eventually("the program on eth1", () => programs().join() === "0,1");
    move(other, device("lo").ifindex);
    await eventually("the program on neither", () => programs().join() === "0,0");
    assert.ok(allDone(), JSON.stringify(node.datapath.status()));
    move(device("lo").ifindex, own);
    await eventually("the program on eth0", () => programs().join() === "1,0");
    rtnl.deleteLink("eth1");
  });

  test("attachEndpoint() and detachEndpoint() put programs on both hooks and take them off", async () => {
    const { ifindex } = rtnl.createVeth({ name: "lxc1", peer: { name: "pod1" } });
    const endpoint = { id: 17, ifindex, hostDevice: "lxc1" };
    await node.datapath.attachEndpoint(endpoint);
    const first = queryTcx(ifindex, "ingress");
    assert.deepEqual([first.length, queryTcx(ifindex, "egress").length], [1, 1]);
    assert.deepEqual(node.datapath.attachedEndpoints(), [17]);
    assert.equal(await node.datapath.ensureEndpointAttached(endpoint), true);
    assert.deepEqual(queryTcx(ifindex, "ingress"), first);
    const id = linkId(endpointLinkPin(root, 17, "cil_from_container"));
    await node.datapath.attachEndpoint(endpoint);
    assert.notDeepEqual(queryTcx(ifindex, "ingress"), first);
    assert.equal(linkId(endpointLinkPin(root, 17, "cil_from_container")), id);

    detach(endpointLinkPin(root, 17, "cil_to_container"));
    await eventually("endpoint's link", () => queryTcx(ifindex, "egress").length === 1);

    await node.datapath.detachEndpoint(17);
    assert.deepEqual(node.datapath.attachedEndpoints(), []);
    const hooks = () => queryTcx(ifindex, "ingress").length + queryTcx(ifindex, "egress").length;
    await eventually("removal of the links", () => hooks() === 0);
    await node.datapath.detachEndpoint(17);
    rtnl.deleteLink("lxc1");
  });

  test("threats: an endpoint that goes leaves its device down, not without a policy, and one that comes back sets it up", async () => {
    const { ifindex } = rtnl.createVeth({ name: "lxc1", peer: { name: "pod1" } });
    const endpoint = { id: 22, ifindex, hostDevice: "lxc1" };
    for (const attach of [
      () => node.datapath.attachEndpoint(endpoint),
      () => node.datapath.ensureEndpointAttached(endpoint),
    ]) {
      await attach();
      rtnl.setLink("lxc1", { up: true });
      await node.datapath.detachEndpoint(22);
      assert.equal(device("lxc1").up, false);
      await attach();
      assert.equal(device("lxc1").up, true);
    }
    rtnl.deleteLink("lxc1");
    await node.datapath.detachEndpoint(22);
  });

  test("attachEndpoint() names the device that is gone", async () => {
    const attach = node.datapath.attachEndpoint({ id: 18, ifindex: 9999, hostDevice: "lxcgone" });
    await assert.rejects(attach, { message: /^Cannot attach endpoint "18" to device "lxcgone": .*ENODEV/ });
    assert.deepEqual(node.datapath.attachedEndpoints(), []);
  });

  test("start() with an object that does not verify says so and leaves the programs in place", async () => {
    const objectDir = mkdtempSync(join(root, "../objects-"));
    cpSync(config.objectDir, objectDir, { recursive: true });
    writeFileSync(join(objectDir, "overlay.o"), compileBad());
    const programs = queryTcx(device("cilium_vxlan").ifindex, "ingress");
    const other = createDatapath({ ...config, objectDir });
    await assert.rejects(other.start(), {
      message: /^Cannot load object "overlay.o": .*cil_from_overlay.*\(the programs in place stay/s,
    });
    assert.deepEqual(queryTcx(device("cilium_vxlan").ifindex, "ingress"), programs);
  });

  test("start() on a BPF root that cannot be says what to do", async () => {
    const other = createDatapath({ ...config, bpfRoot: "/proc/nothing" });
    await assert.rejects(other.start(), {
      message: /^Cannot use BPF root "\/proc\/nothing": .*\(as root: mount -t bpf bpf \/proc\/nothing\)$/,
    });
  });

  test("start() without objects says how to build them", async () => {
    const other = createDatapath({ ...config, objectDir: "/nowhere" });
    await assert.rejects(other.start(), { message: /^Cannot read object "container.o": ENOENT.*build the objects/ });
  });

  test("start() without the node's address says what to set", async () => {
    const other = createDatapath({ ...config, nodeIpv4: "192.0.2.77", nodeIpv6: "fd00:31::77" });
    await assert.rejects(other.start(), {
      message: /no device holds 192.0.2.77 or fd00:31::77 \(set the node address/,
    });
  });

  test("createEventReader() gives what the programs report", async () => {
    const { ifindex } = rtnl.createVeth({ name: "lxc2", peer: { name: "pod2" } });
    await node.datapath.attachEndpoint({ id: 21, ifindex, hostDevice: "lxc2" });
    const events: DatapathEvent[] = [];
    using reader = node.datapath.createEventReader();
    reader.start((batch) => events.push(...batch));
    // With the link up, the kernel says hello over IPv6; the endpoint's slot is empty, so that is dropped.
    rtnl.setLink("lxc2", { up: true });
    rtnl.setLink("pod2", { up: true });
    await eventually("drop event", () => events.some((event) => event.type === "drop" && event.source === 21));
    reader.stop();
    const drop = events.find((event) => event.type === "drop" && event.source === 21);
    assert.ok(drop?.type === "drop");
    assert.equal(dropReason(drop.reason)?.name, "DROP_EP_NOT_READY");
    assert.notEqual(fileName(drop.file), `unknown(${drop.file})`);
    assert.match(drop.summary, /^(::|fe80::[0-9a-f:]+) -> ff02::[0-9a-f:]+ icmp /);
    assert.deepEqual([reader.lost, reader.received], [0, events.length]);
    const metrics = node.datapath.maps.metrics.list().filter((row) => row.reason === drop.reason);
    assert.ok(metrics.some((row) => row.packets > 0n && row.line === drop.line && row.file === drop.file));
    await node.datapath.detachEndpoint(21);
    rtnl.deleteLink("lxc2");
  });

  test("an IPv6-only node has IPv6 routes only, and room for the IPv6 underlay", async () => {
    await node.datapath.destroy();
    const { nodeIpv4: _n, routerIpv4: _r, ipv4PodCidr: _p, ...rest } = config;
    node.datapath = createDatapath({ ...rest, enableIpv4: false });
    await node.datapath.start();
    await node.datapath.setRemoteNodes([{ name: "node2", ipv4PodCidr: "10.2.0.0/24", ipv6PodCidr: "fd00:10:2::/64" }]);
    assert.deepEqual(node.datapath.mtu, { device: 1500, route: 1430 });
    const found = routes().map(({ destination, mtu }) => `${destination} ${mtu}`);
    assert.deepEqual(found.sort(), ["fd00:10:1::/64 undefined", "fd00:10:1::1/128 undefined", "fd00:10:2::/64 1430"]);
    assert.ok(allDone(), JSON.stringify(node.datapath.status()));
  });

  test("expired conntrack entries go soon after the start, and not only after the first interval", async () => {
    await node.restart({ ctSweepInterval: 60 });
    using map = BpfMap.openPinned(join(mapPinRoot(root), "cilium_ct6_global"));
    // All of it zero: expired long ago.
    map.update(new Uint8Array(map.keySize).fill(1), new Uint8Array(map.valueSize));
    await eventually("the entry is swept", () => [...map.entries()].length === 0);
    await node.restart();
  });

  test("destroy() removes everything, also without start, and twice", async () => {
    await node.datapath.destroy();
    await createDatapath(config).destroy();
    for (const name of ["cilium_host", "cilium_net", "cilium_vxlan"]) assert.equal(rtnl.link(name), undefined);
    // The kernel's own.
    assert.deepEqual(readdirSync(root).sort(), ["maps.debug", "progs.debug"]);
    await node.start();
    assert.ok(allDone());
  });
}
