// SPDX-License-Identifier: Apache-2.0
// Addresses in Cilium's JSON: both ways, and what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnnouncedAddress, formatAddress, ipKvKey, parseAddress, prefixOfKey, toEntry } from "./wire.ts";

const address: AnnouncedAddress = {
  ...{ prefix: "10.1.2.5/32", identity: 300, hostIp: "172.31.240.3", encryptKey: 0 },
  metadata: { namespace: "default", name: "deathstar-1" },
};
const key = "cilium/state/ip/v1/default/10.1.2.5";

test("an address written is the address read", () => {
  assert.equal(ipKvKey(address.prefix), key);
  assert.deepEqual(parseAddress(key, formatAddress(address)), { address });
  const ipv6 = { prefix: "fd00::5/128", identity: 300, encryptKey: 3 };
  assert.equal(ipKvKey(ipv6.prefix), "cilium/state/ip/v1/default/fd00::5");
  assert.deepEqual(parseAddress(ipKvKey(ipv6.prefix), formatAddress(ipv6)), { address: ipv6 });
});

test("fields have Cilium's names", () => {
  assert.deepEqual(JSON.parse(formatAddress(address)), {
    ...{ IP: "10.1.2.5", Mask: null, HostIP: "172.31.240.3", ID: 300, Key: 0, Metadata: "" },
    ...{ K8sNamespace: "default", K8sPodName: "deathstar-1" },
  });
});

test("keys and masks of prefixes", () => {
  assert.equal(prefixOfKey(`${ipKvKey("10.1.0.0/16")}`), "10.1.0.0/16");
  const parsed = parseAddress(ipKvKey("10.1.0.0/16"), '{"IP":"10.1.0.0","Mask":"//8AAA==","HostIP":"","ID":256}');
  assert.ok("address" in parsed);
  assert.equal(parsed.address.prefix, "10.1.0.0/16");
  assert.equal(prefixOfKey("cilium/state/ip/v1/default/nonsense"), undefined);
});

test("threats: prefixes that are as good as everything are refused", () => {
  for (const [prefix, mask] of [
    ["0.0.0.0/0", "AAAAAA=="],
    ["128.0.0.0/1", "gAAAAA=="],
    ["::/0", "AAAAAAAAAAAAAAAAAAAAAA=="],
  ] as const) {
    const [ip] = prefix.split("/");
    const parsed = parseAddress(ipKvKey(prefix), JSON.stringify({ IP: ip, Mask: mask, ID: 300 }));
    assert.match("reason" in parsed ? parsed.reason : "taken", /is wider than/);
  }
});

test("another node's host is a remote node here", () => {
  const parsed = parseAddress(key, '{"IP":"10.1.2.5","ID":1}');
  assert.equal("address" in parsed && parsed.address.identity, 6);
});

const poison: readonly (readonly [string, string, RegExp])[] = [
  ["no JSON", "10.1.2.5", /not JSON/],
  ["another type", "null", /expected object/],
  ["no identity", '{"IP":"10.1.2.5"}', /ID: /],
  ["identity 0", '{"IP":"10.1.2.5","ID":0}', /ID: /],
  ["the identity of the world", '{"IP":"10.1.2.5","ID":2}', /ID: 2 is reserved/],
  ["the identity of the kube-apiserver", '{"IP":"10.1.2.5","ID":7}', /ID: 7 is reserved/],
  ["an identity that only aggregates", '{"IP":"10.1.2.5","ID":11}', /ID: 11 is reserved/],
  ["an object that looks like a text", '{"IP":{"length":{"toString":1}},"ID":300}', /an object stands/],
  ["an identity of local scope", '{"IP":"10.1.2.5","ID":16777217}', /ID: /],
  ["a bad address", '{"IP":"10.1.2","ID":300}', /IP: not an address/],
  ["another address's key", '{"IP":"10.1.2.6","ID":300}', /key does not belong to "10\.1\.2\.6\/32"/],
  ["a prefix under an address's key", '{"IP":"10.1.2.0","Mask":"////AA==","ID":300}', /key does not belong/],
  ["a bad host", '{"IP":"10.1.2.5","HostIP":"host","ID":300}', /HostIP: /],
  ["a multicast host", '{"IP":"10.1.2.5","HostIP":"224.0.0.1","ID":300}', /HostIP: /],
  ["a loopback host", '{"IP":"10.1.2.5","HostIP":"127.0.0.1","ID":300}', /HostIP: /],
  ["a huge value", JSON.stringify({ IP: "10.1.2.5", ID: 300, Metadata: "x".repeat(70_000) }), /too large/],
];
for (const [what, value, reason] of poison) {
  test(`parseAddress() refuses ${what}`, () => {
    const parsed = parseAddress(key, value);
    assert.ok("reason" in parsed, "taken");
    assert.match(parsed.reason, reason);
  });
}

test("toEntry() tunnels to other hosts only, and only when there are tunnels", () => {
  const own = new Set(["172.31.240.2"]);
  assert.equal(toEntry(address, true, own).tunnelEndpoint, "172.31.240.3");
  assert.equal(toEntry(address, false, own).tunnelEndpoint, undefined);
  assert.equal(toEntry({ ...address, hostIp: "172.31.240.2" }, true, own).tunnelEndpoint, undefined);
});

test("named ports go out and come in, other protocols left aside", () => {
  const namedPorts = [
    { name: "http", protocol: 6, port: 80 },
    { name: "dns", protocol: 17, port: 53 },
  ];
  const key = ipKvKey("10.0.0.1/32");
  const value = formatAddress({ prefix: "10.0.0.1/32", identity: 300, encryptKey: 0, namedPorts });
  const parsed = parseAddress(key, value);
  assert.ok("address" in parsed);
  assert.deepEqual(parsed.address.namedPorts, namedPorts);
  const odd = JSON.stringify({ ...JSON.parse(value), NamedPorts: [{ Name: "X", Port: 1, Protocol: "GRE" }] });
  const other = parseAddress(key, odd);
  assert.equal("address" in other && other.address.namedPorts, undefined);
  const bad = JSON.stringify({ ...JSON.parse(value), NamedPorts: [{ Name: "x", Port: 0 }] });
  assert.ok("reason" in parseAddress(key, bad));
});
