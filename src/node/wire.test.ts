// SPDX-License-Identifier: Apache-2.0
// Nodes in Cilium's JSON: both ways, and what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeRow } from "./types.ts";
import { formatNode, goMask, maskBits, nodeKvKey, parseNode } from "./wire.ts";

const node: NodeRow = {
  ...{ name: "node2", cluster: "default", clusterId: 0, encryptionKey: 0, labels: { zone: "a" }, bootId: "b-1" },
  addresses: [
    { type: "InternalIP", ip: "172.31.240.3" },
    { type: "InternalIP", ip: "fd00:31:240::3" },
    { type: "CiliumInternalIP", ip: "10.1.1.1" },
  ],
  ...{ ipv4PodCidr: "10.1.1.0/24", ipv6PodCidr: "fd00:10:1:1::/112", ipv4HealthIp: "10.1.1.7" },
  source: "local",
};
const key = "cilium/state/nodes/v1/default/node2";

test("a node written is the node read, from the kvstore", () => {
  assert.equal(nodeKvKey(node), key);
  assert.deepEqual(parseNode(key, formatNode(node)), { row: { ...node, source: "kvstore" } });
});

test("fields have Cilium's names and forms", () => {
  const json = JSON.parse(formatNode(node)) as Record<string, unknown>;
  assert.deepEqual(json["IPAddresses"], [
    { Type: "InternalIP", IP: "172.31.240.3" },
    { Type: "InternalIP", IP: "fd00:31:240::3" },
    { Type: "CiliumInternalIP", IP: "10.1.1.1" },
  ]);
  assert.deepEqual(json["IPv4AllocCIDR"], { IP: "10.1.1.0", Mask: "////AA==" });
  assert.equal(json["BootID"], "b-1");
  assert.equal(json["ClusterID"], 0);
});

test("prefixes may be plain text, unknown fields and address kinds are passed over", () => {
  const value = JSON.stringify({
    ...{ Name: "node2", Cluster: "default", IPv4AllocCIDR: "10.1.1.0/24", IPv6AllocCIDR: null, Future: { a: 1 } },
    IPAddresses: [
      { Type: "Hostname", IP: "10.0.0.1" },
      { Type: "InternalIP", IP: "FD00::0:1" },
    ],
  });
  const parsed = parseNode(key, value);
  assert.ok("row" in parsed);
  assert.deepEqual(parsed.row.addresses, [{ type: "InternalIP", ip: "fd00::1" }]);
  assert.equal(parsed.row.ipv4PodCidr, "10.1.1.0/24");
  assert.equal("ipv6PodCidr" in parsed.row, false);
});

const base = { Name: "node2", Cluster: "default" };
const poison: readonly (readonly [string, string, RegExp])[] = [
  ["no JSON", "{", /not JSON/],
  ["another type", "[]", /expected object/],
  ["no name", '{"Cluster":"default"}', /Name: /],
  ["another node's key", JSON.stringify({ ...base, Name: "node3" }), /key does not belong to node "default\/node3"/],
  [
    "a bad address",
    JSON.stringify({ ...base, IPAddresses: [{ Type: "InternalIP", IP: "1.2.3" }] }),
    /"1\.2\.3" is not/,
  ],
  ["a bad address list", JSON.stringify({ ...base, IPAddresses: {} }), /IPAddresses: /],
  ["a bad prefix", JSON.stringify({ ...base, IPv4AllocCIDR: "10.1.1.0/33" }), /IPv4AllocCIDR: not an IPv4 prefix/],
  ["the wrong family", JSON.stringify({ ...base, IPv4AllocCIDR: "fd00::/64" }), /IPv4AllocCIDR: not an IPv4 prefix/],
  [
    "a mask with holes",
    JSON.stringify({ ...base, IPv4AllocCIDR: { IP: "10.1.1.0", Mask: "/wD/AA==" } }),
    /IPv4AllocCIDR/,
  ],
  ["a bad health address", JSON.stringify({ ...base, IPv6HealthIP: "x" }), /IPv6HealthIP: not an address of a host/],
  ["a name with a slash", JSON.stringify({ Name: "node2", Cluster: "a/default" }), /Cluster: not a name/],
  [
    "a loopback address",
    JSON.stringify({ ...base, IPAddresses: [{ Type: "InternalIP", IP: "127.0.0.1" }] }),
    /of a host/,
  ],
  [
    "a multicast address",
    JSON.stringify({ ...base, IPAddresses: [{ Type: "ExternalIP", IP: "ff02::1" }] }),
    /of a host/,
  ],
  [
    "everything as its pods",
    JSON.stringify({ ...base, IPv4AllocCIDR: "0.0.0.0/0" }),
    /0\.0\.0\.0\/0 is wider than \/8/,
  ],
  ["all of IPv6 as its pods", JSON.stringify({ ...base, IPv6AllocCIDR: "::/0" }), /::\/0 is wider than \/16/],
  ["an object that looks like a text", '{"Name":{"length":{"toString":1}},"Cluster":"default"}', /an object stands/],
  ["a number as text", JSON.stringify({ ...base, ClusterID: "1" }), /ClusterID: /],
  ["a huge value", JSON.stringify({ ...base, Labels: { a: "x".repeat(600_000) } }), /too large/],
];
for (const [what, value, reason] of poison) {
  test(`parseNode() refuses ${what}`, () => {
    const parsed = parseNode(key, value);
    assert.ok("reason" in parsed, "taken");
    assert.match(parsed.reason, reason);
  });
}

test("masks and lengths belong together", () => {
  for (const [bits, family] of [
    [0, 4],
    [1, 4],
    [24, 4],
    [32, 4],
    [0, 6],
    [64, 6],
    [127, 6],
    [128, 6],
  ] as const) {
    assert.equal(maskBits(Buffer.from(goMask(bits, family), "base64")), bits);
  }
  assert.equal(maskBits(new Uint8Array(5)), undefined);
  assert.equal(maskBits(new Uint8Array([255, 0, 255, 0])), undefined);
});
