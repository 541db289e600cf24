// SPDX-License-Identifier: Apache-2.0
// The commands that look at policies without changing anything: against manifests, and against an agent.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { AgentApi, Endpoint, Identity } from "../../src/api/index.ts";
import { createMemoryAgent } from "../../src/api/testing.ts";
import { configureLogging } from "../../src/core/index.ts";
import { reservedIdentityRows } from "../../src/identity/index.ts";
import { type Cli, golden, startCli } from "./harness.ts";

configureLogging({ level: "silent" });

const shop = join(import.meta.dirname, "testdata/shop.yaml");
const changed = join(import.meta.dirname, "testdata/shop-new.yaml");

const screens: Readonly<Record<string, readonly string[]>> = {
  "policy-lint": ["policy", "lint", "-m", shop],
  "policy-lint-json": ["policy", "lint", "-m", shop, "-o", "jsonpath={[*].kind}"],
  "policy-diff": ["policy", "diff", "-m", shop, "-f", changed],
  "policy-diff-json": ["policy", "diff", "-m", shop, "-f", changed, "-o", "json"],
  "policy-trace": ["policy", "trace", "-m", shop, "--from", "shop/web", "--to", "shop/db", "--dport", "5432"],
  "policy-trace-outside": ["policy", "trace", "-m", shop, "--from", "8.8.8.8", "--to", "shop/web", "--dport", "80"],
  "policy-trace-yaml": [
    ...["policy", "trace", "-m", shop, "--src-k8s-pod", "shop:api", "--dst-k8s-pod", "shop:web"],
    ...["--dport", "8080/TCP", "-o", "yaml"],
  ],
};

for (const [name, args] of Object.entries(screens)) {
  test(`${args.map((arg) => arg.replace(/.*\//, "")).join(" ")} prints testdata/${name}.txt`, async (t) => {
    const { run } = await startCli(t, undefined);
    const { code, stdout, stderr } = await run(args);
    assert.equal(stderr, "");
    assert.equal(code, 0);
    golden(name, stdout);
  });
}

test("--check makes findings and changes an exit code", async (t) => {
  const { run } = await startCli(t, undefined);
  assert.equal((await run(["policy", "lint", "-m", shop, "--check"])).code, 1);
  assert.equal((await run(["policy", "diff", "-m", shop, "-f", changed, "--check"])).code, 1);
});

const identity = (id: number, app: string): Identity => ({
  id,
  labels: [`k8s:app=${app}`, "k8s:io.kubernetes.pod.namespace=default", "k8s:io.cilium.k8s.policy.cluster=default"],
});
const identities = [
  ...reservedIdentityRows().map(({ id, labels }) => ({ id, labels: labels.toStrings() })),
  identity(300, "web"),
  identity(301, "api"),
];

const ips = [{ cidr: "10.1.0.9/32", identity: 301, metadata: { source: "kvstore" } }];

async function agentCli(t: TestContext, calls: Partial<AgentApi> = {}): Promise<Cli> {
  const [web] = identities.slice(-2);
  const endpoint: Endpoint = {
    id: 7,
    status: {
      "external-identifiers": { "pod-name": "default/web-0" },
      ...(web === undefined ? {} : { identity: web }),
      labels: { "security-relevant": [] },
      networking: { addressing: [] },
      policy: { realized: { "policy-revision": 1, "policy-enabled": "none" } },
      state: "ready",
    },
  };
  return startCli(t, { ...createMemoryAgent({ endpoints: [endpoint], identities, ips }).api, ...calls });
}

const policy = (port: number) => `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: p}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress: [{fromEndpoints: [{matchLabels: {app: api}}], toPorts: [{ports: [{port: "${port}", protocol: TCP}]}]}]
`;

const denied = "deny (ingress default deny by default/p)";

test("without manifests the agent's endpoints, identities and policies count", async (t) => {
  const { run } = await agentCli(t);
  assert.equal((await run(["policy", "import", "-"], { stdin: policy(80) })).code, 0);
  assert.match((await run(["policy", "lint"])).stdout, /^Nothing found in 1 policies, 1 kinds of endpoints, \d+ kinds/);
  const { stdout } = await run(["policy", "diff", "-f", "-"], { stdin: policy(81) });
  const rows = stdout.split("\n").map((line) => line.split(/ {3,}/));
  assert.deepEqual(rows.slice(1, 3), [
    ["app=api in default", "default/web-0", "80/TCP", "allow (default/p ingress[0].toPorts[0])", denied],
    ["app=api in default", "default/web-0", "81/TCP", denied, "allow (default/p ingress[0].toPorts[0])"],
  ]);
});

test("trace finds ends by pod, address, identity, endpoint and labels", async (t) => {
  const { run } = await agentCli(t);
  assert.equal((await run(["policy", "import", "-"], { stdin: policy(80) })).code, 0);
  const verdict = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(["policy", "trace", ...args]);
    assert.equal(code, 0, stderr);
    return /Final verdict: (\w+)/.exec(stdout)?.[1];
  };
  const to = ["--to", "web-0", "--dport", "80"];
  assert.equal(await verdict("--from", "301", ...to), "ALLOWED");
  assert.equal(await verdict("--src-identity", "301", "--dst-endpoint", "7", "--dport", "80"), "ALLOWED");
  assert.equal(await verdict("--src-identity", "301", "--dst-endpoint", "7", "--dport", "81"), "DENIED");
  assert.equal(await verdict("--from", "world", ...to), "DENIED");
  assert.equal(await verdict("--from", "host", ...to), "ALLOWED");
  assert.equal(await verdict("--from", "10.1.0.9", ...to), "ALLOWED", "the address of identity 301");
  const labels = ["app=api", "io.kubernetes.pod.namespace=default", "io.cilium.k8s.policy.cluster=default"];
  assert.equal(await verdict(...labels.flatMap((label) => ["-s", label]), ...to), "ALLOWED");
  assert.equal(await verdict("-s", "app=api", ...to), "DENIED");
  assert.equal((await run(["policy", "trace", "--from", "world", ...to, "--check"])).code, 1);
});

test("CIDR groups and services are those that the agent knows", async (t) => {
  const { run } = await agentCli(t, {
    policyReferences: () => ({
      cidrGroups: [{ name: "g", labels: ["cidrgroup:a=b"], cidrs: ["192.0.2.0/24"] }],
      services: [{ namespace: "default", name: "s", labels: [], backends: [{ labels: ["k8s:app=api"] }] }],
    }),
  });
  const egress = "egress: [{toCIDRSet: [{cidrGroupRef: g}]}, {toServices: [{k8sService: {serviceName: s}}]}]";
  const stdin = policy(80).replace(/ingress: .*/, egress);
  assert.equal((await run(["policy", "import", "-"], { stdin })).code, 0);
  for (const [to, verdict] of [
    ["192.0.2.7", "ALLOWED"],
    ["301", "ALLOWED"],
    ["192.0.3.7", "DENIED"],
  ] as const) {
    const { stdout } = await run(["policy", "trace", "--from", "web-0", "--to", to, "--dport", "80"]);
    assert.match(stdout, new RegExp(`Final verdict: ${verdict}`), to);
  }
  assert.match((await run(["policy", "lint"])).stdout, /^Nothing found/);
});

test("validate tells every problem, and compares blocks with pods and nodes that it is shown", async (t) => {
  const { run } = await agentCli(t);
  const block = policy(80).replace("fromEndpoints: [{matchLabels: {app: api}}]", "fromCIDR: [10.0.0.0/8]");
  const quiet = await run(["policy", "validate", "-", "--strict"], { stdin: block });
  assert.deepEqual(quiet, { code: 0, stdout: 'Policy "default/p" is valid\n', stderr: "" });
  const asked = await run(["policy", "validate", "-", "--agent", "--strict"], { stdin: block });
  assert.equal(asked.code, 1);
  assert.match(
    asked.stdout,
    /warning: policy "default\/p": ingress\[0\]: 10\.0\.0\.0\/8 covers 1 pods \(such as identity 301/,
  );
  const bad = policy(80).replace('"80"', "80").replace("endpointSelector:", "endpointSelecto:");
  const json = await run(["policy", "validate", "-", "-o", "json"], { stdin: bad });
  assert.equal(json.code, 1);
  const { valid, problems } = JSON.parse(json.stdout) as { valid: boolean; problems: { path: string; line: number }[] };
  assert.equal(valid, false);
  assert.deepEqual(
    problems.map(({ path, line }) => `${line} ${path}`),
    [
      "5 spec.endpointSelecto",
      "4 spec.endpointSelector",
      ...problems.slice(2).map(({ path, line }) => `${line} ${path}`),
    ],
  );
});

const rule = { policy: "default/p", kind: "CiliumNetworkPolicy", direction: "ingress" as const };
const none = { allowed: 0, denied: 0, audited: 0, "staged-allowed": 0, "staged-denied": 0 };

test("hits prints testdata/policy-hits.txt, --staged only rules of staged policies", async (t) => {
  const policyHits = () => [
    { ...none, cookie: 0, denied: 7 },
    { ...none, cookie: 17, rule: { ...rule, section: "ingress[1]" }, "staged-denied": 4 },
    { ...none, cookie: 16, rule: { ...rule, section: "ingress[0].toPorts[0]" }, allowed: 12 },
  ];
  const { run } = await startCli(t, createMemoryAgent({ override: { policyHits } }).api);
  golden("policy-hits", (await run(["policy", "hits"])).stdout);
  assert.match((await run(["policy", "hits", "--staged", "-o", "jsonpath={[*].cookie}"])).stdout, /^17\n$/);
});

test("policies that nobody named, and files that are none, are refused", async (t) => {
  const { run } = await startCli(t, undefined);
  const failed = async (args: readonly string[], message: RegExp) => {
    const result = await run(["policy", ...args]);
    assert.match(result.stderr, message);
    assert.equal(result.code, 1);
  };
  await failed(["diff", "-m", shop], /give -f FILE or --remove POLICY/);
  await failed(["diff", "-m", shop, "--remove", "shop/none"], /Cannot remove policy "shop\/none": there is none/);
  await failed(["trace", "-m", shop, "--from", "shop/api"], /--dport is missing/);
  await failed(["trace", "-m", shop, "--from", "shop/api", "--dport", "80"], /give --to, or one of --dst/);
  await failed(["trace", "-m", shop, "--from", "shop/api", "--to", "shop/api", "--dport", "x"], /--dport "x"/);
  const typo = ["trace", "-m", shop, "--from", "shop/apo", "--to", "shop/web", "--dport", "80"];
  await failed(typo, /Cannot find "shop\/apo": no pod.*\(did you mean "shop\/api"\?\)/);
  await failed(["lint", "-m", "/nonexistent"], /Cannot read "\/nonexistent": ENOENT/);
});

test("policy get shows the policies whose rules have all labels", async (t) => {
  const web = { kind: "CiliumNetworkPolicy", metadata: { name: "web", uid: "1-2" }, spec: {} };
  const labelled = { labels: [{ key: "team", value: "red" }] };
  const wide = { kind: "CiliumClusterwideNetworkPolicy", metadata: { name: "wide" }, specs: [{}, labelled] };
  const getPolicy = () => ({ revision: 7, policy: JSON.stringify([wide, web], null, 2) });
  const { run } = await startCli(t, createMemoryAgent({ override: { getPolicy } }).api);
  for (const [labels, names] of [
    [["k8s:io.cilium.k8s.policy.name=web"], ["web"]],
    [["io.cilium.k8s.policy.namespace=default", "k8s:io.cilium.k8s.policy.uid"], ["web"]],
    [["io.cilium.k8s.policy.derived-from=CiliumClusterwideNetworkPolicy", "unspec:team=red"], ["wide"]],
    [["io.cilium.k8s.policy.name"], ["wide", "web"]],
  ] as const) {
    const { stdout } = await run(["policy", "get", ...labels]);
    const [json = "", revision] = stdout.split("Revision: ");
    assert.equal(revision, "7\n");
    const found = JSON.parse(json) as { metadata: { name: string } }[];
    assert.deepEqual(
      found.map(({ metadata }) => metadata.name),
      names,
      labels.join(" "),
    );
  }
  const none = await run(["policy", "get", "team=red", "io.cilium.k8s.policy.name=web"]);
  const stderr = 'Error: Cannot find policies: none has "team=red" and "io.cilium.k8s.policy.name=web"\n';
  assert.deepEqual(none, { code: 1, stdout: "", stderr });
});
