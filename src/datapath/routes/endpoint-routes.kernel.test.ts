// SPDX-License-Identifier: Apache-2.0
// Routes and neighbours of single pods on the real kernel: made, kept, and gone with a device that went first.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import "../../kernel/testing.ts";
import { eventually } from "../../core/testing.ts";
import { NUD_PERMANENT } from "../../kernel/index.ts";
import { inPrivateNamespaces } from "../testing.ts";
import { DatapathNode } from "../testing-node.ts";

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const mac = "02:00:00:00:00:17";
  const addresses = ["10.1.0.17", "fd00:10:1::17"] as const;
  const node = new DatapathNode({ endpointRoutes: true });
  const { rtnl } = node;
  let ifindex: number;

  before(async () => {
    ({ ifindex } = rtnl.createVeth({ name: "lxc17", peer: { name: "pod17" } }));
    for (const name of ["lxc17", "pod17"]) rtnl.setLink(name, { up: true });
    await node.datapath.attachEndpoint({
      id: 17,
      ifindex,
      hostDevice: "lxc17",
      routed: { mac: mac.toUpperCase(), addresses },
    });
  });

  const routed = () =>
    addresses.every((address) => rtnl.routes({ ifindex }).some(({ destination }) => destination.startsWith(address)));
  const known = () => {
    const found = rtnl.neighbors({ ifindex }).filter((each) => each.mac === mac && each.state === NUD_PERMANENT);
    return addresses.every((ip) => found.some(({ address }) => address === ip));
  };
  const look = () => node.datapath.setRemoteNodes([]);

  test("an endpoint has routes and fixed neighbours, and a look at them changes nothing", async () => {
    assert.deepEqual([routed(), known()], [true, true]);
    await look();
    await look();
    assert.equal(node.datapath.status().find(({ name }) => name === "to lxc17")?.repairs, 0);
  });

  const losses: readonly (readonly [string, () => void])[] = [
    ["a neighbour that is lost", () => rtnl.deleteNeighbor({ ifindex, address: addresses[0] })],
    [
      "a neighbour with another MAC",
      () => rtnl.replaceNeighbor({ ifindex, address: addresses[1], mac: "02:00:00:00:00:66" }),
    ],
    ["a neighbour that ages", () => rtnl.replaceNeighbor({ ifindex, address: addresses[0], mac, permanent: false })],
  ];
  for (const [what, lose] of losses) {
    test(`${what} comes back with the next look`, async () => {
      lose();
      assert.equal(known(), false);
      await look();
      assert.equal(known(), true);
    });
  }

  test("a route that is lost comes back", async () => {
    rtnl.deleteRoute({ destination: `${addresses[0]}/32`, ifindex });
    await eventually("the route", routed);
  });

  test("addresses that no pod has are answered for, whatever the default route", () => {
    rtnl.replaceRoute({ destination: "0.0.0.0/0", gateway: "192.0.2.254" });
    rtnl.replaceRoute({ destination: "::/0", gateway: "fd00:31::254" });
    const way = (address: string) => rtnl.routeTo(address)?.ifindex;
    assert.deepEqual(addresses.map(way), [ifindex, ifindex]);
    assert.deepEqual(["10.1.0.18", "fd00:10:1::18"].map(way), [undefined, undefined]);
    const outside = rtnl.link("eth0")?.ifindex;
    assert.deepEqual(["203.0.113.1", "2001:db8::1"].map(way), [outside, outside]);
  });

  test("an endpoint whose device is gone is detached at the first attempt", async () => {
    rtnl.deleteLink("lxc17");
    await node.datapath.detachEndpoint(17);
    assert.deepEqual(node.datapath.attachedEndpoints(), []);
    await look();
    assert.deepEqual(
      node.datapath.status().flatMap(({ error }) => error ?? []),
      [],
    );
  });
}
