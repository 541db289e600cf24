// SPDX-License-Identifier: Apache-2.0
// Every rule kind of L3 and L4 with real packets: prefixes and exceptions, denies, entities, groups, named ports, and the
// other kinds of policies. Each case has a pod of its own; all are asked at once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { killAgent, nodeOf, startAgent, waitForAgent } from "../../apps/sandbox/index.ts";
import { clientPod, echoPod, Scenario } from "./harness.ts";
import type { Probe } from "./helpers/probe.ts";

const families = [4, 6] as const;
const ports = [7000, 7001, undefined] as const;
/** Longest that policies may take to hold, ms. */
const patience = 60_000;

interface Case {
  readonly title: string;
  /** Objects of a kind that is no policy come as they are. */
  readonly objects: (pod: string) => readonly object[];
  /** Who reaches the pod beside the local host, which may always, as `from:port`; ICMP has no port. */
  readonly reached: readonly string[];
}

let scenario: Scenario;

/** Addresses of the underlay itself, which are outside of the cluster; it asks from one of them. */
function outside(family: 4 | 6): readonly string[] {
  const [node] = scenario.sandbox.nodes;
  const ip = (family === 4 ? node?.ipv4 : node?.ipv6) ?? "";
  return ["1", "200"].map((last) => ip.replace(family === 4 ? /\d+$/ : /11$/, last));
}

const block = (family: 4 | 6): string => `${outside(family)[0]}${family === 4 ? "/24" : "/112"}`;
const blocks = (): string[] => families.map(block);
const singles = (family: 4 | 6): string[] => outside(family).map((ip) => `${ip}/${family === 4 ? 32 : 128}`);
const excepted = () => families.map((family) => ({ cidr: block(family), except: singles(family) }));
const all = (from: string): string[] => ["7000", "7001", "icmp"].map((port) => `${from}:${port}`);
const port = (name: string): object => ({ ports: [{ port: name, protocol: "TCP" }] });

function policy(pod: string, spec: object, kind = "CiliumNetworkPolicy"): object {
  const subject = { endpointSelector: { matchLabels: { pod } } };
  return { apiVersion: "cilium.io/v2", kind, metadata: { name: pod }, spec: { ...subject, ...spec } };
}

function group(...externalCIDRs: readonly string[]): object {
  return { apiVersion: "cilium.io/v2", kind: "CiliumCIDRGroup", metadata: { name: "g" }, spec: { externalCIDRs } };
}

function networkPolicy(pod: string): object {
  const from = [{ podSelector: { matchLabels: { app: "api" } } }];
  const spec = {
    podSelector: { matchLabels: { pod } },
    ingress: [
      { from, ports: [{ port: 7000 }] },
      { from: blocks().map((cidr) => ({ ipBlock: { cidr } })), ports: [{ port: "second" }] },
    ],
  };
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: pod }, spec };
}

/** A case whose policy has just these ingress rules. */
function rules(title: string, spec: () => object, reached: readonly string[], kind?: string): Case {
  return { title, objects: (pod) => [policy(pod, spec(), kind)], reached };
}

const icmps = [{ fields: families.map((family) => ({ family: `IPv${family}`, type: "EchoRequest" })) }];
const fromApi = { ingress: [{ fromEndpoints: [{ matchLabels: { app: "api" } }] }] };
const denied = {
  ingress: [{ fromEntities: ["all"] }],
  ingressDeny: [{ fromEntities: ["all"], toPorts: [port("7001")] }],
};

const notDenied = ["api", "outside", "host"].flatMap((from) => [`${from}:7000`, `${from}:icmp`]);

const cases: readonly Case[] = [
  rules(
    "fromCIDR is addresses outside, never pods",
    () => ({ ingress: [{ fromCIDR: ["0.0.0.0/0", "::/0"] }] }),
    all("outside"),
  ),
  rules("an exception takes addresses out", () => ({ ingress: [{ fromCIDRSet: excepted() }] }), []),
  rules("a narrower prefix puts them back", () => {
    const back = { fromCIDR: families.flatMap(singles), toPorts: [port("7001")] };
    return { ingress: [{ fromCIDRSet: excepted() }, back] };
  }, ["outside:7001"]),
  rules(
    "threats: a narrower allow does not undo the deny of a prefix",
    () => ({ ingressDeny: [{ fromCIDR: blocks() }], ingress: [{ fromCIDR: families.flatMap(singles) }] }),
    [],
  ),
  rules("a deny counts more than any allow", () => denied, notDenied),
  rules("the entity world", () => ({ ingress: [{ fromEntities: ["world"] }] }), all("outside")),
  rules("the entity cluster", () => ({ ingress: [{ fromEntities: ["cluster"] }] }), all("api")),
  rules("the entity none", () => ({ ingress: [{ fromEntities: ["none"] }] }), []),
  rules("named ports, whatever their case", () => ({ ingress: [{ toPorts: [port("first")] }] }), [
    "api:7000",
    "outside:7000",
  ]),
  rules("ICMP types", () => ({ ingress: [{ icmps }] }), ["api:icmp", "outside:icmp"]),
  rules("a clusterwide policy", () => fromApi, all("api"), "CiliumClusterwideNetworkPolicy"),
  { title: "a NetworkPolicy", objects: (pod) => [networkPolicy(pod)], reached: ["api:7000", "outside:7001"] },
];

const nameOf = (n: number): string => `web-${n}`;
const grouped = nameOf(cases.length);
let found: ReadonlyMap<string, readonly string[]>;

before(async () => {
  scenario = await Scenario.create("rules", { nodes: 1 });
  const named = '"ports":[{"name":"First","containerPort":7000},{"name":"second","containerPort":7001}],"command"';
  const pods = [...cases.map((_, n) => nameOf(n)), grouped].map((pod) =>
    echoPod(pod, "node1", { pod }).replace('"command"', named),
  );
  await scenario.apply([...pods, clientPod("api", "node1", { app: "api" })].join(""));
  await apply([...cases.flatMap(({ objects }, n) => objects(nameOf(n))), user]);
  found = await reachedWhen((now) => cases.every(({ reached }, n) => same(now.get(nameOf(n)), withHost(reached))));
});

after(async () => await scenario?.delete());

const user = policy(grouped, { ingress: [{ fromCIDRSet: [{ cidrGroupRef: "g" }] }] });
const apply = (objects: readonly object[]): Promise<void> =>
  scenario.apply(objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(""));
/** The local host reaches its pods, unless the case says otherwise. */
const withHost = (reached: readonly string[]): string[] =>
  [...reached, ...(reached.some((item) => item.startsWith("host:")) ? [] : all("host"))].sort();
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Who reaches each pod, for both families the same; asked again until it is as expected, or for a minute. */
async function reachedWhen(done: (found: ReadonlyMap<string, readonly string[]>) => boolean) {
  const deadline = performance.now() + patience;
  for (;;) {
    const now = await ask();
    if (done(now) || performance.now() > deadline) return now;
    await sleep(200);
  }
}

async function ask(): Promise<ReadonlyMap<string, readonly string[]>> {
  const pods = scenario.pods().filter(({ name }) => name.startsWith("web-"));
  const questions = pods.flatMap(({ name }) =>
    families.flatMap((family) => ports.map((port) => ({ name, family, port, ip: scenario.ip(name, family) }))),
  );
  const probes = questions.map(
    ({ ip, port }): Probe => (port === undefined ? { protocol: "ICMP", ip } : { protocol: "TCP", ip, port }),
  );
  const answers = await Promise.all([
    scenario.probe("api", probes),
    scenario.probeFromOutside(probes),
    scenario.probeFromNode("node1", probes),
  ]);
  const reached = new Map(pods.map(({ name }) => [name, [] as string[]]));
  for (const [n, { name, port }] of questions.entries()) {
    for (const [m, from] of ["api", "outside", "host"].entries()) {
      if (answers[m]?.[n] === true) reached.get(name)?.push(`${from}:${port ?? "icmp"}`);
    }
  }
  return new Map(Array.from(reached, ([name, list]) => [name, inBothFamilies(list)]));
}

/** What only one family reaches is named so. */
function inBothFamilies(list: readonly string[]): string[] {
  const counts = Map.groupBy(list, (item) => item);
  return Array.from(counts, ([item, { length }]) => (length === 2 ? item : `${item} in one family`)).sort();
}

for (const [n, { title, reached }] of cases.entries()) {
  test(title, () => assert.deepEqual(found.get(nameOf(n)), withHost(reached)));
}

test("a CIDR group stands for nobody when it is not there, and is followed as it changes", async () => {
  assert.deepEqual(found.get(grouped), all("host"));
  for (const [cidrs, reached] of [
    [blocks(), all("outside")],
    [["192.0.2.0/24"], []],
  ] as const) {
    await apply([group(...cidrs)]);
    const now = await reachedWhen((list) => same(list.get(grouped), withHost(reached)));
    assert.deepEqual(now.get(grouped), withHost(reached));
  }
});

test("prefixes keep their identities over kill -9 and a new start", async () => {
  const prefixes = async (): Promise<string[]> => {
    const { stdout } = await scenario.onNode("node1", ["cilium-dbg", "bpf", "ipcache", "list"]);
    return stdout.split("\n").filter((line) => / identity=1677\d{4} /.test(line));
  };
  const before = await prefixes();
  assert.ok(before.length >= 2, before.join("\n"));
  const node = nodeOf(scenario.sandbox, "node1");
  await killAgent(scenario.sandbox, node);
  startAgent(scenario.sandbox, node);
  await waitForAgent(scenario.sandbox, node);
  assert.deepEqual(await prefixes(), before);
  const now = await ask();
  for (const [n, { title, reached }] of cases.entries()) {
    assert.deepEqual(now.get(nameOf(n)), withHost(reached), title);
  }
});

test("what needs a proxy is refused with its section, and the last good state stays", async () => {
  const http = { ...port("7000"), rules: { http: [{}] } };
  await assert.rejects(
    apply([policy(nameOf(5), { ingress: [{ toPorts: [http] }] })]),
    /Section "ingress\[0\]\.toPorts\[0\]" cannot be enforced: rules about requests \(http\)/,
  );
  assert.deepEqual((await ask()).get(nameOf(5)), withHost(all("outside")));
});
