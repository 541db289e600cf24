// SPDX-License-Identifier: Apache-2.0
// Native routing on the real kernel: routes over nodes of the segment, and what becomes of all others.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import "../kernel/testing.ts";
import { Rtnetlink } from "../kernel/index.ts";
import { removeDatapath } from "./cleanup/remove.ts";
import { createDatapath, type Datapath, type DatapathConfig } from "./index.ts";
import { inPrivateNamespaces, nodeUnderlay, privateBpffs, testConfig, until } from "./testing.ts";

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const root = privateBpffs();
  const config: DatapathConfig = { ...testConfig(root), routingMode: "native", autoDirectNodeRoutes: true };
  const near = {
    ...{ name: "near", ipv4: "192.0.2.2", ipv6: "fd00:31::2" },
    ...{ ipv4PodCidr: "10.2.0.0/24", ipv6PodCidr: "fd00:10:2::/64" },
  };
  const far = { name: "far", ipv4: "198.51.100.7", ipv4PodCidr: "10.3.0.0/24" };
  let rtnl: Rtnetlink;
  let datapath: Datapath;

  before(async () => {
    nodeUnderlay();
    rtnl = new Rtnetlink();
    rtnl.replaceRoute({ destination: "0.0.0.0/0", gateway: "192.0.2.254" });
    rtnl.replaceRoute({ destination: "10.9.0.0/24", gateway: "192.0.2.254" });
    datapath = createDatapath(config);
    await datapath.start();
  });
  after(async () => {
    await datapath.destroy();
    rtnl.close();
  });

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
  const errors = () => datapath.status().flatMap(({ error }) => error ?? []);
  const restart = async (changed: Partial<DatapathConfig>) => {
    await datapath.stop();
    datapath = createDatapath({ ...config, ...changed });
    await datapath.start();
  };

  test("packets are as large as the devices take them, and there is no tunnel", () => {
    assert.deepEqual(datapath.mtu, { device: 1500, route: 1500 });
    assert.equal(rtnl.link("cilium_vxlan"), undefined);
  });

  test("addresses of this node's pods never lead to the default route, and have no way where cilium_host's is lost", async () => {
    const cidrs = ["10.1.0.0/24", "fd00:10:1::/64"];
    const hosts = ["10.1.0.99", "fd00:10:1::99"];
    assert.deepEqual(unreachable(), cidrs);
    const over = () => hosts.map((host) => rtnl.routeTo(host)?.ifindex);
    const host = rtnl.link("cilium_host")?.ifindex;
    assert.deepEqual(over(), [host, host]);
    await datapath.stop();
    for (const destination of cidrs) rtnl.deleteRoute({ destination, ifindex: host });
    assert.deepEqual(over(), [undefined, undefined]);
    await datapath.start();
    assert.deepEqual(over(), [host, host]);
    for (const destination of cidrs) rtnl.deleteRoute({ destination, metric: 65_535 });
    assert.deepEqual(unreachable(), []);
    await until(() => unreachable().length === 2, "repair");
    // Of others, by its metric.
    rtnl.replaceRoute({ destination: "10.8.0.0/24", type: "unreachable", protocol: 2, metric: 7 });
    assert.deepEqual(errors(), []);
  });

  test("nodes of the segment have routes, follow them, and lose them; those of others stay", async () => {
    await datapath.setRemoteNodes([near]);
    assert.deepEqual(routes(), ["10.2.0.0/24 via 192.0.2.2", theirs, "fd00:10:2::/64 via fd00:31::2"]);
    await datapath.setRemoteNodes([{ ...near, ipv4: "192.0.2.3", ipv6: "fd00:31::3" }]);
    assert.deepEqual(routes(), ["10.2.0.0/24 via 192.0.2.3", theirs, "fd00:10:2::/64 via fd00:31::3"]);
    rtnl.deleteRoute({ destination: "10.2.0.0/24", gateway: "192.0.2.3" });
    await until(() => routes().length === 3, "repair");
    rtnl.replaceRoute({ destination: "10.2.0.0/24", gateway: "192.0.2.9", protocol: 2 });
    await until(() => routes().includes("10.2.0.0/24 via 192.0.2.3"), "the way over the node");
    await datapath.setRemoteNodes([]);
    assert.deepEqual(routes(), [theirs]);
    assert.deepEqual(errors(), []);
  });

  test("a node behind a gateway is an error, unless such nodes are to be skipped", async () => {
    await datapath.setRemoteNodes([near, far]);
    const [error, ...more] = errors();
    assert.match(
      error ?? "",
      /route "10\.3\.0\.0\/24": node "far" at 198\.51\.100\.7 is behind gateway 192\.0\.2\.254/,
    );
    assert.match(error ?? "", /\(set direct-routing-skip-unreachable to leave such nodes/);
    assert.deepEqual(more, []);
    await restart({ directRoutingSkipUnreachable: true });
    await datapath.setRemoteNodes([near, far]);
    assert.deepEqual(errors(), []);
    assert.deepEqual(routes(), ["10.2.0.0/24 via 192.0.2.2", theirs, "fd00:10:2::/64 via fd00:31::2"]);
  });

  test("without auto-direct-node-routes, and with a tunnel, they go; with the datapath too", async () => {
    await restart({ autoDirectNodeRoutes: false });
    await datapath.setRemoteNodes([near]);
    assert.deepEqual(routes(), [theirs]);
    await restart({});
    await datapath.setRemoteNodes([near]);
    assert.equal(routes().length, 3);
    await restart({ routingMode: "tunnel", autoDirectNodeRoutes: false });
    await datapath.setRemoteNodes([near]);
    assert.deepEqual(routes(), [theirs]);
    assert.deepEqual(unreachable(), []);
    await restart({});
    await datapath.setRemoteNodes([near]);
    await datapath.stop();
    assert.deepEqual((await removeDatapath({ bpfRoot: root, scope: "all" })).remaining, []);
    assert.deepEqual(routes(), [theirs]);
    assert.deepEqual(
      rtnl.routes({ table: 254 }).flatMap(({ type, destination }) => (type === "unreachable" ? destination : [])),
      ["10.8.0.0/24"],
    );
    await datapath.start();
  });
}
