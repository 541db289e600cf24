// SPDX-License-Identifier: Apache-2.0
// Nodes told apart by label and by address, and pods by address: rules and denies with real packets between two nodes.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { killAgent, nodeOf, sandboxPaths, startAgent, waitForAgent } from "../../apps/sandbox/index.ts";
import { clientPod, echoPod, Scenario } from "./harness.ts";
import type { Probe } from "./helpers/probe.ts";

const families = [4, 6] as const;
/** Longest that policies may take to hold, ms. */
const patience = 60_000;

/** A rule of a pod on node1, and with whom it lets packets flow, beside the host of its own node. */
interface Case {
  readonly title: string;
  readonly spec: () => object;
  readonly open: readonly string[];
  /** When the two nodes have each other's label; absent: the same. */
  readonly swapped?: readonly string[];
}

let scenario: Scenario;

/** Addresses by what has them: both families of each. */
const places: Readonly<Record<string, (family: 4 | 6) => string>> = {
  node1: (family) => underlay("node1", family),
  node2: (family) => underlay("node2", family),
  gateway: (family) => onUnderlay(family, "1"),
  outside: (family) => onUnderlay(family, "200"),
  api: (family) => scenario.ip("api", family),
  job: (family) => scenario.ip("job", family),
};

const block = (family: 4 | 6): string => `${onUnderlay(family, "0")}/${family === 4 ? 24 : 112}`;

function underlay(node: string, family: 4 | 6): string {
  const { ipv4 = "", ipv6 = "" } = nodeOf(scenario.sandbox, node);
  return family === 4 ? ipv4 : ipv6;
}

function onUnderlay(family: 4 | 6, last: string): string {
  return underlay("node1", family).replace(family === 4 ? /\d+$/ : /11$/, last);
}

/** The address that a node's host has towards pods. */
function router(node: string, family: 4 | 6): string {
  return podBlock(node, family).replace(family === 4 ? /0\/\d+$/ : /\/\d+$/, "1");
}

function podBlock(node: string, family: 4 | 6): string {
  const { ipv4PodCidr = "", ipv6PodCidr = "" } = nodeOf(scenario.sandbox, node);
  return family === 4 ? ipv4PodCidr : ipv6PodCidr;
}

const single = (ip: string, family: 4 | 6): string => `${ip}/${family === 4 ? 32 : 128}`;
const singles = (of: (family: 4 | 6) => string) => families.map((family) => single(of(family), family));
const zone = (name: string) => [{ matchLabels: { zone: name } }];
const everybody = { fromEntities: ["all"] };

/** Who may ask the pods: the other node's host, a pod there, an address outside. */
const ingress: readonly Case[] = [
  { title: "a node by its label", spec: () => ({ ingress: [{ fromNodes: zone("b") }] }), open: ["node2"], swapped: [] },
  {
    title: "not a node with another label",
    spec: () => ({ ingress: [{ fromNodes: zone("a") }] }),
    open: [],
    swapped: ["node2"],
  },
  { title: "any node", spec: () => ({ ingress: [{ fromNodes: [{}] }] }), open: ["node2"] },
  { title: "the entity remote-node", spec: () => ({ ingress: [{ fromEntities: ["remote-node"] }] }), open: ["node2"] },
  {
    title: "threats: a deny for a node's label denies the node, in the tunnel too",
    spec: () => ({ ingress: [everybody], ingressDeny: [{ fromNodes: zone("b") }] }),
    open: ["api", "job", "outside"],
    swapped: ["api", "job", "node2", "outside"],
  },
  {
    title: "a node by its address",
    spec: () => ({ ingress: [{ fromCIDR: singles((family) => router("node2", family)) }] }),
    open: ["node2"],
  },
  {
    title: "threats: a deny for a node's address denies the node",
    spec: () => ({
      ingress: [everybody],
      ingressDeny: [{ fromCIDR: singles((family) => router("node2", family)) }],
    }),
    open: ["api", "job", "outside"],
  },
  { title: "a pod by its address", spec: () => ({ ingress: [{ fromCIDR: singles(place("api")) }] }), open: ["api"] },
  {
    title: "a block of pods and their node, with an exception",
    spec: () => ({
      ingress: [
        {
          fromCIDRSet: families.map((family) => ({
            cidr: podBlock("node2", family),
            except: [single(scenario.ip("api", family), family)],
          })),
        },
      ],
    }),
    open: ["job", "node2"],
  },
  {
    title: "threats: a deny for a pod's address denies the pod",
    spec: () => ({ ingress: [everybody], ingressDeny: [{ fromCIDR: singles(place("api")) }] }),
    open: ["job", "node2", "outside"],
  },
  {
    title: "the kube-apiserver, on another node and outside",
    spec: () => ({ ingress: [{ fromEntities: ["kube-apiserver"] }] }),
    open: ["node2", "outside"],
  },
  {
    title: "everything, where pods are matched by address",
    spec: () => ({ ingress: [{ fromCIDR: ["0.0.0.0/0", "::/0"] }] }),
    open: ["api", "job", "node2", "outside"],
  },
];

/** Whom the pods may ask: both nodes, two addresses outside, pods of the other node. */
const egress: readonly Case[] = [
  { title: "a node by its label", spec: () => ({ egress: [{ toNodes: zone("b") }] }), open: ["node2"], swapped: [] },
  {
    title: "not the own node, whatever its label",
    spec: () => ({ egress: [{ toNodes: zone("a") }] }),
    open: [],
    swapped: ["node2"],
  },
  {
    title: "threats: a deny for a node's label denies the node",
    spec: () => ({ egress: [{ toEntities: ["all"] }], egressDeny: [{ toNodes: zone("b") }] }),
    open: ["api", "gateway", "job", "node1", "outside"],
    swapped: ["api", "gateway", "job", "node1", "node2", "outside"],
  },
  {
    title: "addresses outside and nodes by a block, with an exception",
    spec: () => ({
      egress: [
        {
          toCIDRSet: families.map((family) => ({
            cidr: block(family),
            except: [single(onUnderlay(family, "1"), family)],
          })),
        },
      ],
    }),
    open: ["node1", "node2", "outside"],
  },
  {
    title: "a narrower prefix that puts an exception back",
    spec: () => ({
      egress: [
        { toCIDRSet: families.map((family) => ({ cidr: block(family), except: [block(family)] })) },
        { toCIDR: singles(place("outside")) },
      ],
    }),
    open: ["outside"],
  },
  {
    title: "threats: a deny for a block denies nodes, and narrower prefixes in it",
    spec: () => ({
      egress: [{ toEntities: ["all"] }, { toCIDR: singles(place("outside")) }],
      egressDeny: [{ toCIDR: families.map(block) }],
    }),
    open: ["api", "job"],
  },
  {
    title: "the kube-apiserver, on another node and outside",
    spec: () => ({ egress: [{ toEntities: ["kube-apiserver"] }] }),
    open: ["gateway", "node2", "outside"],
  },
  { title: "a pod by its address", spec: () => ({ egress: [{ toCIDR: singles(place("job")) }] }), open: ["job"] },
];

function place(name: string): (family: 4 | 6) => string {
  return places[name] ?? assert.fail(name);
}

const inName = (n: number): string => `in-${n}`;
const outName = (n: number): string => `out-${n}`;
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
type Found = ReadonlyMap<string, readonly string[]>;

function node(name: string, zoneOf: string): object {
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels: { zone: zoneOf } } };
}

function policies(): readonly object[] {
  return [
    ...ingress.map(({ spec }, n) => [inName(n), spec()] as const),
    ...egress.map(({ spec }, n) => [outName(n), spec()] as const),
  ].map(([pod, spec]) => ({
    ...{ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { name: pod } },
    spec: { endpointSelector: { matchLabels: { pod } }, ...spec },
  }));
}

const apply = (objects: readonly object[]): Promise<void> =>
  scenario.apply(objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(""));

/** The addresses of the kube-apiserver: a node's, and those outside, of which outside asks from one. */
function apiServers(): string {
  const addresses = families.flatMap((family) => [
    underlay("node2", family),
    ...["1", "200"].map((last) => onUnderlay(family, last)),
  ]);
  const metadata = { name: "kubernetes", namespace: "default", labels: { "kubernetes.io/service-name": "kubernetes" } };
  return JSON.stringify({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata,
    endpoints: [{ addresses }],
  });
}

before(async () => {
  const settings = { "enable-node-selector-labels": "true", "policy-cidr-match-mode": "nodes,pods" };
  scenario = await Scenario.create("nodes", { nodes: 2, settings });
  writeFileSync(join(sandboxPaths(scenario.name).node("node1").staticResources, "kubernetes.yaml"), apiServers());
  await scenario.apply(
    [
      ...ingress.map((_, n) => echoPod(inName(n), "node1", { pod: inName(n) })),
      ...egress.map((_, n) => clientPod(outName(n), "node1", { pod: outName(n) })),
      clientPod("api", "node2", { app: "api" }),
      clientPod("job", "node2", { app: "job" }),
    ].join(""),
  );
  await apply([node("node1", "a"), node("node2", "b"), ...policies()]);
});

after(async () => await scenario?.delete());

/** Asked again until it is as expected, or for a minute. */
async function askedUntil(expected: Found): Promise<Found> {
  const deadline = performance.now() + patience;
  for (;;) {
    const now = new Map([...(await askIn()), ...(await askOut())]);
    if ([...expected].every(([pod, open]) => same(now.get(pod), open)) || performance.now() > deadline) return now;
    await sleep(200);
  }
}

async function askIn(): Promise<Found> {
  const names = ingress.map((_, n) => inName(n));
  const questions = names.flatMap((name) => families.map((family) => ({ name, ip: scenario.ip(name, family) })));
  const probes = questions.map(({ ip }): Probe => ({ protocol: "TCP", ip, port: 7000 }));
  const [node2, api, job, outside, node1] = await Promise.all([
    scenario.probeFromNode("node2", probes),
    scenario.probe("api", probes),
    scenario.probe("job", probes),
    scenario.probeFromOutside(probes),
    scenario.probeFromNode("node1", probes),
  ]);
  const found = new Map(names.map((name) => [name, [] as string[]]));
  for (const [from, answers] of Object.entries({ api, job, node1, node2, outside })) {
    for (const [n, { name }] of questions.entries()) if (answers[n] === true) found.get(name)?.push(from);
  }
  return new Map(Array.from(found, ([name, list]) => [name, inBothFamilies(list)]));
}

async function askOut(): Promise<Found> {
  const questions = Object.entries(places).flatMap(([to, of]) => families.map((family) => ({ to, ip: of(family) })));
  const probes = questions.map(({ ip }): Probe => ({ protocol: "ICMP", ip }));
  const found = await Promise.all(
    egress.map(async (_, n): Promise<readonly [string, readonly string[]]> => {
      const answers = await scenario.probe(outName(n), probes);
      return [outName(n), inBothFamilies(questions.flatMap(({ to }, m) => (answers[m] === true ? [to] : [])))];
    }),
  );
  return new Map(found);
}

/** What only one family reaches is named so. */
function inBothFamilies(list: readonly string[]): string[] {
  const counts = Map.groupBy(list, (item) => item);
  return Array.from(counts, ([item, { length }]) => (length === 2 ? item : `${item} in one family`)).sort();
}

/** The local host reaches its pods whatever the rules. */
function expected(labels: "open" | "swapped" = "open"): Found {
  const of = (each: Case): readonly string[] => each[labels] ?? each.open;
  return new Map([
    ...ingress.map((each, n) => [inName(n), [...of(each), "node1"].sort()] as const),
    ...egress.map((each, n) => [outName(n), of(each)] as const),
  ]);
}

function check(found: Found, wanted: Found): void {
  for (const [list, name] of [
    [ingress, inName],
    [egress, outName],
  ] as const) {
    for (const [n, { title }] of list.entries())
      assert.deepEqual(found.get(name(n)), wanted.get(name(n)), `${name(n)}: ${title}`);
  }
}

test("nodes are peers by label and address, pods by address", async () => {
  check(await askedUntil(expected()), expected());
});

test("identities of nodes keep their numbers over kill -9 and a new start", async () => {
  const identities = async (): Promise<string[]> => {
    const { stdout } = await scenario.onNode("node1", ["cilium-dbg", "bpf", "ipcache", "list"]);
    return stdout.split("\n").filter((line) => / identity=3355\d{4} /.test(line));
  };
  const before = await identities();
  assert.equal(before.length, 4, before.join("\n"));
  const node1 = nodeOf(scenario.sandbox, "node1");
  await killAgent(scenario.sandbox, node1);
  startAgent(scenario.sandbox, node1);
  await waitForAgent(scenario.sandbox, node1);
  assert.deepEqual(await identities(), before);
  check(new Map([...(await askIn()), ...(await askOut())]), expected());
});

test("new labels of a node are followed", async () => {
  await apply([node("node1", "b"), node("node2", "a")]);
  check(await askedUntil(expected("swapped")), expected("swapped"));
});
