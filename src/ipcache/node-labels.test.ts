// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCidr, makeLabel, parseCidr } from "../core/index.ts";
import type { NodeRow } from "../node/index.ts";
import { hostPeerLabels, remoteNodeLabels } from "./node-labels.ts";
import { PrefixLabels } from "./policy-prefixes.ts";

const label = (cidr: Parameters<typeof formatCidr>[0]) => makeLabel("cidr", formatCidr(cidr).replaceAll(":", "-"));
const none: ReadonlySet<string> = new Set();
const both = { byLabel: true, byAddress: true, apiServers: () => none, families: [4, 6] as const, label };

function node(name: string, source: NodeRow["source"], ...ips: readonly string[]): NodeRow {
  const addresses = ips.map((ip) => ({ type: "InternalIP" as const, ip }));
  const labels = { zone: name, "kubernetes.io/os": "linux" };
  return { name, cluster: "east", clusterId: 0, addresses, encryptionKey: 0, labels, source, bootId: "" };
}

const nodes = [node("a", "local", "192.0.2.1", "fd00::1"), node("b", "kvstore", "192.0.2.2", "fd00::2")];
const texts = (options: typeof both) =>
  Object.fromEntries(Array.from(remoteNodeLabels(nodes, options), ([prefix, labels]) => [prefix, labels.toStrings()]));

test("addresses of other nodes have the node's labels, their prefix, or both; without either they are like all others", () => {
  const own = [
    "k8s:io.cilium.k8s.policy.cluster=east",
    "node:kubernetes.io/os=linux",
    "reserved:remote-node",
    "node:zone=b",
  ];
  assert.deepEqual(texts(both), {
    "192.0.2.2/32": ["cidr:192.0.2.2/32", ...own],
    "fd00::2/128": ["cidr:fd00--2/128", ...own],
  });
  assert.deepEqual(texts({ ...both, byAddress: false }), {
    "192.0.2.2/32": own,
    "fd00::2/128": own,
  });
  assert.deepEqual(Object.keys(texts({ ...both, families: [4] as never })), ["192.0.2.2/32"]);
  assert.deepEqual(texts({ ...both, byLabel: false, byAddress: false }), {});
  const apiServers = () => new Set(["fd00::2"]);
  const server = ["reserved:kube-apiserver", "reserved:remote-node"];
  assert.deepEqual(texts({ ...both, byLabel: false, byAddress: false, apiServers }), {
    "192.0.2.2/32": server,
    "fd00::2/128": server,
  });
});

test("the host is selected by its addresses where nodes are, never by its labels", () => {
  const [host] = nodes;
  assert.ok(host !== undefined);
  assert.deepEqual(hostPeerLabels(host, both).toStrings(), ["cidr:192.0.2.1/32", "cidr:fd00--1/128", "reserved:host"]);
  assert.deepEqual(hostPeerLabels(host, { ...both, byAddress: false }).toStrings(), ["reserved:host"]);
});

test("an apiserver outside has an identity of its own, also where a policy speaks of its address", () => {
  const prefixLabels = new PrefixLabels({ families: [4, 6], label });
  const surroundings = { podPrefixes: ["10.1.0.0/24"], apiServers: ["192.0.2.9", "10.1.0.7"] };
  const wanted = new Map([["192.0.2.9/32", parseCidr("192.0.2.9/32")]]);
  const labels = ["cidr:192.0.2.9/32", "reserved:kube-apiserver", "reserved:world-ipv4"];
  for (const prefixes of [wanted, new Map<string, ReturnType<typeof parseCidr>>()]) {
    const found = prefixLabels.of(prefixes, surroundings);
    assert.deepEqual([...found.keys()], ["192.0.2.9/32"], "not inside of pods' prefixes");
    assert.deepEqual(found.get("192.0.2.9/32")?.toStrings(), labels);
  }
  const { apiServers: _, ...without } = surroundings;
  assert.deepEqual(prefixLabels.of(wanted, without).get("192.0.2.9/32")?.size, 2);
});

test("prefixes of policies stand for addresses outside: not inside of pods' ones, not of a family that is off", () => {
  const wanted = new Map(["10.1.0.128/25", "10.1.0.0/16", "fd00::/8"].map((text) => [text, parseCidr(text)]));
  const of = (families: readonly (4 | 6)[]) => {
    const labels = new PrefixLabels({ families, label });
    const texts = (podPrefixes: readonly string[]) =>
      Array.from(labels.of(wanted, { podPrefixes }), ([prefix, found]) => [prefix, found.toStrings()]);
    assert.equal(
      texts([]).some(([prefix]) => prefix === "10.1.0.128/25"),
      true,
      "before the node is there",
    );
    return texts(["10.2.0.0/24", "10.1.0.0/24", "fd00:1::/64"]);
  };
  assert.deepEqual(of([4, 6]), [
    ["10.1.0.0/16", ["cidr:10.1.0.0/16", "reserved:world-ipv4"]],
    ["fd00::/8", ["cidr:fd00--/8", "reserved:world-ipv6"]],
  ]);
  assert.deepEqual(of([4]), [["10.1.0.0/16", ["cidr:10.1.0.0/16", "reserved:world"]]]);
});
