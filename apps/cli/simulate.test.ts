// SPDX-License-Identifier: Apache-2.0
// `policy simulate`: its forms of output, exit codes and errors; what it answers is tested in src/policy.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type CliResult, startCli } from "./harness.ts";

const labels = (app: string) => [
  `k8s:app=${app}`,
  "k8s:io.kubernetes.pod.namespace=default",
  "k8s:io.cilium.k8s.policy.cluster=default",
];
const policy = {
  apiVersion: "cilium.io/v2",
  kind: "CiliumNetworkPolicy",
  metadata: { name: "p", namespace: "default" },
  spec: {
    endpointSelector: { matchLabels: { app: "web" } },
    ingress: [
      { fromEndpoints: [{ matchLabels: { app: "api" } }], toPorts: [{ ports: [{ port: "80", protocol: "TCP" }] }] },
    ],
  },
};
const vector = {
  id: "one",
  manifests: [policy, { ...policy, metadata: { name: "q" }, spec: {} }],
  rejected: [{ manifest: 1, reason: "no-rules" }],
  endpoints: ["web", "api", "db"].map((app) => ({ name: app, ip: "10.0.0.1", labels: labels(app) })),
  flows: [
    { from: "api", to: "web", proto: "TCP", port: 80, egress: "allow", ingress: "allow" },
    { from: "db", to: "web", proto: "TCP", port: 80, egress: "allow", ingress: "deny" },
  ],
};
const cases = (...list: object[]) => JSON.stringify({ format: "policy-vectors/1", cases: list });

async function simulate(t: TestContext, stdin: string, ...args: string[]): Promise<CliResult> {
  const { run } = await startCli(t, undefined);
  return run(["policy", "simulate", "--cases", "-", ...args], { stdin });
}

test("each case is a line of JSON with verdicts and what decided", async (t) => {
  const { code, stdout } = await simulate(t, cases(vector, { ...vector, id: "two" }), "-o", "json");
  assert.equal(code, 0);
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ id }) => id),
    ["one", "two"],
  );
  assert.deepEqual([lines[0].rejected[0].manifest, lines[0].rejected[0].reason], [1, "no-rules"]);
  const [allowed, denied] = lines[0].flows;
  assert.deepEqual(allowed, {
    egress: "allow",
    ingress: "allow",
    ingressRule: { policy: "default/p", section: "ingress[0].toPorts[0]", kind: "CiliumNetworkPolicy" },
  });
  assert.deepEqual(
    [denied.ingress, denied.ingressRule.default, denied.ingressRule.by],
    ["deny", "deny", ["default/p"]],
  );
  assert.deepEqual(denied.ingressRule.nearestMiss.fields, [{ field: "app", expected: "app=api", found: "app=db" }]);
});

test("as a table it says which rule came nearest", async (t) => {
  const { stdout } = await simulate(t, cases(vector));
  assert.match(stdout, /^one: Cannot use policy "default\/q": .*\nCASE +FLOW +EGRESS +INGRESS +DECIDED BY\n/);
  assert.match(
    stdout,
    /one +db -> web TCP 80 +allow +deny +no policy decides; default deny by default\/p; nearest rule/,
  );
});

test("--check is silent about what agrees, and exits 1 with what does not", async (t) => {
  const good = await simulate(t, cases(vector), "--check");
  assert.deepEqual([good.code, good.stdout], [0, "1 cases, no difference\n"]);
  const flows = [{ ...vector.flows[0], ingress: "deny" }, vector.flows[1]];
  const bad = await simulate(t, cases(vector, { ...vector, id: "two", flows }), "--check");
  assert.equal(bad.code, 1);
  assert.equal(bad.stdout, 'two: api -> web TCP 80 ingress: expected "deny", found "allow"\n2 cases, 1 differ\n');
});

test("what is no case file is refused in one line", async (t) => {
  for (const [stdin, problem] of [
    ["{", /no JSON/],
    ["{}", /no format "policy-vectors\/1"/],
    [cases({ ...vector, flows: [{ from: "api" }] }), /cases\[0\]\.flows\[0\]\.to is no text/],
    [cases({ ...vector, endpoints: 1 }), /cases\[0\]\.endpoints is no list/],
    [cases({ ...vector, flows: [{ from: "x", to: "web", proto: "TCP" }] }), /Cannot find "x"/],
  ] as const) {
    const { code, stderr } = await simulate(t, stdin);
    assert.equal(code, 1, stdin);
    assert.match(stderr, problem);
    assert.equal(stderr.trimEnd().split("\n").length, 1);
  }
});

test("one question on plain manifests is answered in words and as JSON", async (t) => {
  const { run } = await startCli(t, undefined);
  const directory = mkdtempSync(join(tmpdir(), "simulate-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "all.yaml");
  const pod = (name: string) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: name } },
    spec: {},
  });
  writeFileSync(file, [pod("web"), pod("api"), pod("db"), policy].map((item) => JSON.stringify(item)).join("\n---\n"));
  const ask = (from: string, ...more: string[]) =>
    run(["policy", "simulate", "--manifests", file, "--from", from, "--to", "web", "--port", "80/TCP", ...more]);
  const allowed = await ask("api");
  assert.equal(allowed.code, 0, allowed.stderr);
  assert.match(
    allowed.stdout,
    /Ingress of default\/web: allow \(CiliumNetworkPolicy default\/p ingress\[0\]\.toPorts\[0\]\)\n/,
  );
  assert.match(allowed.stdout, /Verdict of default\/api -> default\/web TCP 80: allowed\n$/);
  for (const from of ["default/db", "world", "203.0.113.7"]) {
    assert.match((await ask(from)).stdout, /: denied\n$/, from);
  }
  assert.equal(JSON.parse((await ask("host", "-o", "json")).stdout).ingressRule.section, "host");
  assert.match((await ask("apis")).stderr, /Cannot find "apis": .*did you mean "default\/api"/);
  const wrong = await run(["policy", "simulate", "--manifests", file, "--from", "api"]);
  assert.deepEqual([wrong.code, (await run(["policy", "simulate"])).code], [1, 1]);
});
