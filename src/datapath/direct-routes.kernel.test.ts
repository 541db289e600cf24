// SPDX-License-Identifier: Apache-2.0
// Native routing on the real kernel: routes over nodes of the segment, and what becomes of all others.
import assert from "node:assert/strict";
import { test } from "node:test";
import "../kernel/testing.ts";
import { eventually } from "../core/testing.ts";
import { removeDatapath } from "./cleanup/remove.ts";
import { inPrivateNamespaces } from "./testing.ts";
import { DatapathNode } from "./testing-node.ts";

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const node = new DatapathNode({ routingMode: "native", autoDirectNodeRoutes: true });
  const { root, rtnl } = node;
  const near = {
    ...{ name: "near", ipv4: "192.0.2.2", ipv6: "fd00:31::2" },
    ...{ ipv4PodCidr: "10.2.0.0/24", ipv6PodCidr: "fd00:10:2::/64" },
  };
  const far = { name: "far", ipv4: "198.51.100.7", ipv4PodCidr: "10.3.0.0/24" };
  rtnl.replaceRoute({ destination: "0.0.0.0/0", gateway: "192.0.2.254" });
  rtnl.replaceRoute({ destination: "10.9.0.0/24", gateway: "192.0.2.254" });

  const routes = () =>
    rtnl
      .routes({ table: 254 })
      .filter(
        ({ gateway, source, destination }) =>
          gateway !== undefined && gateway !== source && !destination.endsWith("/0"),
      )
      .map(({ destination, gateway }) => `${destination} via ${gateway}`)
      .sort();
  const unreachable = () =>
    rtnl
      .routes({ table: 254 })
      .filter(({ type, metric }) => type === "unreachable" && metric === 65_535)
      .map(({ destination }) => destination)
      .sort();
  const theirs = "10.9.0.0/24 via 192.0.2.254";
  const errors = () => node.datapath.status().flatMap(({ error }) => error ?? []);

  test("packets are as large as the devices take them, and there is no tunnel", () => {
    assert.deepEqual(node.datapath.mtu, { device: 1500, route: 1500 });
    assert.equal(rtnl.link("cilium_vxlan"), undefined);
  });

  test("addresses of this node's pods never lead to the default route, and have no way where cilium_host's is lost", async () => {
    const cidrs = ["10.1.0.0/24", "fd00:10:1::/64"];
    const hosts = ["10.1.0.99", "fd00:10:1::99"];
    assert.deepEqual(unreachable(), cidrs);
    const over = () => hosts.map((host) => rtnl.routeTo(host)?.ifindex);
    const host = rtnl.link("cilium_host")?.ifindex;
    assert.deepEqual(over(), [host, host]);
    await node.datapath.stop();
    for (const destination of cidrs) rtnl.deleteRoute({ destination, ifindex: host });
    assert.deepEqual(over(), [undefined, undefined]);
    await node.datapath.start();
    assert.deepEqual(over(), [host, host]);
    for (const destination of cidrs) rtnl.deleteRoute({ destination, metric: 65_535 });
    assert.deepEqual(unreachable(), []);
    await eventually("repair", () => unreachable().length === 2);
    // Of others, by its metric.
    rtnl.replaceRoute({ destination: "10.8.0.0/24", type: "unreachable", protocol: 2, metric: 7 });
    assert.deepEqual(errors(), []);
  });

  test("nodes of the segment have routes, follow them, and lose them; those of others stay", async () => {
    await node.datapath.setRemoteNodes([near]);
    assert.deepEqual(routes(), ["10.2.0.0/24 via 192.0.2.2", theirs, "fd00:10:2::/64 via fd00:31::2"]);
    await node.datapath.setRemoteNodes([{ ...near, ipv4: "192.0.2.3", ipv6: "fd00:31::3" }]);
    assert.deepEqual(routes(), ["10.2.0.0/24 via 192.0.2.3", theirs, "fd00:10:2::/64 via fd00:31::3"]);
    rtnl.deleteRoute({ destination: "10.2.0.0/24", gateway: "192.0.2.3" });
    await eventually("repair", () => routes().length === 3);
    rtnl.replaceRoute({ destination: "10.2.0.0/24", gateway: "192.0.2.9", protocol: 2 });
    await eventually("the way over the node", () => routes().includes("10.2.0.0/24 via 192.0.2.3"));
    await node.datapath.setRemoteNodes([]);
    assert.deepEqual(routes(), [theirs]);
    assert.deepEqual(errors(), []);
  });

  test("a node behind a gateway is an error, unless such nodes are to be skipped", async () => {
    await node.datapath.setRemoteNodes([near, far]);
    const [error, ...more] = errors();
    assert.match(
      error ?? "",
      /route "10\.3\.0\.0\/24": node "far" at 198\.51\.100\.7 is behind gateway 192\.0\.2\.254/,
    );
    assert.match(error ?? "", /\(set direct-routing-skip-unreachable to leave such nodes/);
    assert.deepEqual(more, []);
    await node.restart({ directRoutingSkipUnreachable: true });
    await node.datapath.setRemoteNodes([near, far]);
    assert.deepEqual(errors(), []);
    assert.deepEqual(routes(), ["10.2.0.0/24 via 192.0.2.2", theirs, "fd00:10:2::/64 via fd00:31::2"]);
  });

  test("without auto-direct-node-routes, and with a tunnel, they go; with the datapath too", async () => {
    await node.restart({ autoDirectNodeRoutes: false });
    await node.datapath.setRemoteNodes([near]);
    assert.deepEqual(routes(), [theirs]);
    await node.restart();
    await node.datapath.setRemoteNodes([near]);
    assert.equal(routes().length, 3);
    await node.restart({ routingMode: "tunnel", autoDirectNodeRoutes: false });
    await node.datapath.setRemoteNodes([near]);
    assert.deepEqual(routes(), [theirs]);
    assert.deepEqual(unreachable(), []);
    await node.restart();
    await node.datapath.setRemoteNodes([near]);
    await node.datapath.stop();
    assert.deepEqual((await removeDatapath({ bpfRoot: root, scope: "all" })).remaining, []);
    assert.deepEqual(routes(), [theirs]);
    assert.deepEqual(
      rtnl.routes({ table: 254 }).flatMap(({ type, destination }) => (type === "unreachable" ? destination : [])),
      ["10.8.0.0/24"],
    );
    await node.datapath.start();
  });
}
