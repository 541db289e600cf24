// SPDX-License-Identifier: Apache-2.0
// Policies of a large cluster on one node: from cold, change by change, and what a decision costs.
import {
  appLabels,
  type ClusterSize,
  identities,
  identityOf,
  policies,
  policyOf,
} from "../tests/policy-scale/cluster.ts";
import { measureDecisions } from "../tests/policy-scale/lookups.ts";
import { Rig } from "../tests/policy-scale/rig.ts";
import { type Benchmark, type Figures, median, type Ratio, type Row, ratio, row } from "./harness.ts";

const size: ClusterSize = { namespaces: 100, apps: 20, policies: 5 };
const endpoints = 100;
const replicas = 1000;
const rounds = 20;
/** Behind all identities of the cluster. */
const newcomer = 100_000;
const largePeers = 200_000;

export const bench: Benchmark = {
  name: "policy",
  description: "10,000 policies, 2,000 identities, 100 endpoints: cold, one change; one set of 200,000 entries",
  run,
};

type Part = (progress: (line: string) => void) => Promise<Figures>;

async function run(progress: (line: string) => void): Promise<Figures> {
  const parts: readonly Part[] = [cluster, manyReplicas, largeSet, decisions];
  const figures: Figures[] = [];
  for (const part of parts) figures.push(await part(progress));
  return { rows: figures.flatMap(({ rows }) => rows), ratios: figures.flatMap(({ ratios }) => ratios) };
}

async function cluster(progress: (line: string) => void): Promise<Figures> {
  progress("a cluster from cold");
  await using rig = new Rig();
  await rig.start();
  await rig.addEndpoints(
    Array.from({ length: endpoints }, (_, namespace) => {
      const app = namespace % size.apps;
      return { id: identityOf(size, namespace, app), labels: appLabels(namespace, app) };
    }),
  );
  const objects = [...policies(size)];
  const start = performance.now();
  rig.engine.upsertIdentities(identities(size));
  for (const object of objects) rig.engine.upsertPolicy(object);
  const parsed = performance.now() - start;
  const filled = parsed + (await rig.timed(() => rig.open()));
  const { sets, entries } = rig.manager.policySize();
  progress(`${sets} sets, ${entries} entries`);
  const identity = await changes(rig, (n) => () => {
    rig.engine.upsertIdentity({ id: newcomer + n, labels: appLabels(3, 5).with([label(n)]) });
  });
  const gone = await changes(rig, (n) => () => rig.engine.removeIdentity(newcomer + n));
  const policy = await changes(rig, (n) => () => void rig.engine.upsertPolicy(variant(3, 3, n)));
  const wide = await changes(rig, (n) => () => void rig.engine.upsertPolicy(clusterwide(n)));
  const rss = process.memoryUsage().rss / 1e6;
  return {
    rows: [
      row("cold", `parsed, ${objects.length} policies`, "ms", [parsed]),
      row("cold", "maps filled", "ms", [filled]),
      row("one identity", "comes", "ms", identity),
      row("one identity", "goes", "ms", gone),
      row("one policy", "of one app", "ms", policy),
      row("one policy", `of all ${endpoints} endpoints`, "ms", wide),
      row("RSS", "this process, policies as objects included", "MB", [rss]),
    ],
    ratios: [
      ratio("cold: parsed, resolved and in the maps, ms", filled, "at most", 5000),
      ratio("one new identity in the maps, ms", median(identity), "at most", 5),
      ratio("one changed policy in the maps, ms", median(policy), "at most", 20),
      ratio("RSS, MB", rss, "at most", 350),
    ],
  };
}

async function manyReplicas(progress: (line: string) => void): Promise<Figures> {
  progress(`${replicas} replicas`);
  const entriesOf = async (count: number) => {
    await using rig = new Rig();
    await rig.start();
    await rig.addEndpoints(
      Array.from({ length: count }, () => ({ id: identityOf(size, 3, 3), labels: appLabels(3, 3) })),
    );
    rig.engine.upsertIdentities(identities(size));
    for (let kind = 0; kind < size.policies; kind++) rig.engine.upsertPolicy(policyOf(size, 3, 3, kind));
    await rig.timed(() => rig.open());
    const change = await changes(rig, (n) => () => void rig.engine.upsertPolicy(variant(3, 3, n)));
    return { change, entries: rig.policyMap.usage().reduce((sum, { entries }) => sum + entries, 0) };
  };
  const [one, many] = [await entriesOf(1), await entriesOf(replicas)];
  return {
    rows: [
      row("entries in both maps", "one replica", "entries", [one.entries]),
      row("entries in both maps", `${replicas} replicas`, "entries", [many.entries]),
      row("one policy", `of ${replicas} replicas`, "ms", many.change),
    ],
    ratios: [ratio(`entries of ${replicas} replicas to those of one`, many.entries / one.entries, "at most", 1)],
  };
}

/** One endpoint and 200,000 peers. */
async function largeSet(progress: (line: string) => void): Promise<Figures> {
  progress(`${largePeers} entries`);
  await using rig = new Rig();
  await rig.start();
  await rig.addEndpoints([{ id: 500, labels: appLabels(0, 0) }]);
  rig.engine.upsertIdentities(
    Array.from({ length: largePeers }, (_, n) => ({ id: newcomer + n, labels: appLabels(0, 1).with([label(n)]) })),
  );
  rig.engine.upsertPolicy(policyOf(size, 0, 0, 0));
  const filled = await rig.timed(() => rig.open());
  const { entries } = rig.manager.policySize();
  const identity = await changes(rig, (n) => () => {
    rig.engine.upsertIdentity({ id: newcomer + largePeers + n, labels: appLabels(0, 1).with([label(-1 - n)]) });
  });
  const rss = process.memoryUsage().rss / 1e6;
  return {
    rows: [
      row(`one endpoint with ${entries} entries`, "maps filled", "ms", [filled]),
      row(`one endpoint with ${entries} entries`, "one identity comes", "ms", identity),
      row("RSS", "200,000 peers' labels included", "MB", [rss]),
    ],
    ratios: [
      ratio("entries of one endpoint", entries, "at least", largePeers),
      ratio("one new identity beside 200,000 entries, ms", median(identity), "at most", 5),
    ],
  };
}

/** Random peers of a set of 200,000, over lists of each kind. */
async function decisions(progress: (line: string) => void): Promise<Figures> {
  progress("decisions");
  await using rig = new Rig();
  const base = { verdict: "allow", cookie: 1, proxyPort: 0, authType: 0, direction: "ingress" } as const;
  const kinds = [
    { kind: "one port", entry: { protocol: 6, port: 80, portPrefix: 16 } },
    { kind: "a port range", entry: { protocol: 6, port: 64, portPrefix: 10 } },
    { kind: "a whole protocol", entry: { protocol: 6, port: 0, portPrefix: 0 } },
    { kind: "everything", entry: { protocol: 0, port: 0, portPrefix: 0 } },
  ];
  const peerOf = (n: number) => newcomer + n;
  rig.policyMap.writeSet(
    1,
    Array.from({ length: largePeers }, (_, n) => {
      const { entry } = kinds[n % kinds.length] ?? { entry: { protocol: 0, port: 0, portPrefix: 0 } };
      return { ...base, ...entry, identity: peerOf(n) };
    }),
  );
  const random = (below: number) => Math.floor(Math.random() * below);
  const groups = largePeers / kinds.length;
  const rows: Row[] = [];
  const ratios: Ratio[] = [];
  const measure = (kind: string, identity: () => number, allowed: number) => {
    const cost = measureDecisions(rig.maps, () => ({ set: 1, identity: identity(), protocol: 6, port: 80 }));
    if (cost.allowed !== allowed)
      throw new Error(`Cannot measure decisions: ${cost.allowed} of "${kind}" were allowed`);
    rows.push(row("decision among 200,000 peers", kind, "ns", cost.ns));
    ratios.push(ratio(`decision, ${kind}, ns`, median(cost.ns), "at most", 120));
  };
  for (const [index, { kind }] of kinds.entries())
    measure(kind, () => peerOf(random(groups) * kinds.length + index), 1);
  measure("an unknown peer, denied", () => peerOf(largePeers + random(largePeers)), 0);
  return { rows, ratios };
}

async function changes(rig: Rig, change: (n: number) => () => void): Promise<number[]> {
  const samples: number[] = [];
  for (let n = 0; n < rounds; n++) samples.push(await rig.timed(change(n)));
  return samples;
}

function label(n: number) {
  return { source: "k8s", key: "replica", value: String(n) };
}

/** The policy of an app with another port. */
function variant(namespace: number, app: number, n: number): object {
  const text = JSON.stringify(policyOf(size, namespace, app, 0));
  return JSON.parse(text.replace('"8080"', `"${8000 + n}"`));
}

function clusterwide(n: number): object {
  const ingress = [
    {
      fromEndpoints: [{ matchLabels: { team: "team1" } }],
      toPorts: [{ ports: [{ port: String(7000 + n), protocol: "TCP" }] }],
    },
  ];
  return {
    apiVersion: "cilium.io/v2",
    kind: "CiliumClusterwideNetworkPolicy",
    metadata: { name: "wide" },
    spec: { endpointSelector: {}, ingress },
  };
}
