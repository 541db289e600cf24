// SPDX-License-Identifier: Apache-2.0
// Manifests and policies as text and as objects: ManifestParseError or PolicyParseError, and nothing else.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { configureLogging } from "../../src/core/index.ts";
import {
  createResourceTable,
  createStaticSource,
  ManifestParseError,
  parseManifests,
} from "../../src/kubernetes/index.ts";
import { PolicyParseError, parsePolicy, parsePolicyDocuments } from "../../src/policy/index.ts";
import { assertNoPollution, fuzz, type Random } from "./random.ts";

configureLogging({ level: "silent" });

const pod = {
  ...{ apiVersion: "v1", kind: "Pod" },
  metadata: { name: "a", namespace: "default", labels: { app: "x", "app.kubernetes.io/name": "y" } },
  spec: { containers: [{ name: "c", ports: [{ containerPort: 80 }] }] },
};
const selector = {
  matchLabels: { app: "web", "k8s:io.kubernetes.pod.namespace": "prod" },
  matchExpressions: [{ key: "tier", operator: "In", values: ["a", "b"] }],
};
const policy = {
  ...{ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy" },
  metadata: { name: "rule1", namespace: "default" },
  spec: {
    endpointSelector: selector,
    ingress: [{ fromEndpoints: [selector], toPorts: [{ ports: [{ port: "80", protocol: "TCP", endPort: 90 }] }] }],
    egress: [{ toEndpoints: [{}] }],
    enableDefaultDeny: { ingress: true },
    labels: [{ key: "a", value: "b", source: "k8s" }],
    description: "text",
  },
};
const list = { apiVersion: "v1", kind: "List", items: [pod, policy] };

/** Text as people write it, with what YAML has to offer strewn in. */
function yamlText(random: Random, value: unknown): string {
  const text = random.chance(0.3) ? JSON.stringify(value) : stringify(value);
  if (random.chance(0.4)) return random.mutateText(text);
  const lines = text.split("\n");
  for (let n = random.int(1, 3); n > 0; n--) lines.splice(random.int(0, lines.length), 0, random.pick(extras));
  return lines.join("\n");
}

const extras: readonly string[] = [
  ...["---", "...", "%YAML 1.1", "%TAG ! x", "<<: *a", "a: &a [*a]", "? [x]: y", "!!js/function x", "!!set {a, b}"],
  ...["kind: Pod", "__proto__: {polluted: true}", "constructor: {prototype: {polluted: true}}", "\t", " x", "- y"],
  ...[
    "a: !!binary aGk=",
    "b: !!omap [{kind: Pod}]",
    "d: 2020-01-01",
    "e: .nan",
    "f: -.inf",
    "g: 0o17",
    "\u0000",
    "\ufeff",
  ],
];

/** Runs it; what it throws must be of the class, in one bounded line. */
function assertRefusesWith(kind: typeof ManifestParseError | typeof PolicyParseError, action: () => unknown): void {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof kind, `${String(error)} ${error instanceof Error ? error.stack : ""}`);
    assert.match(error.message, /^Cannot (use|parse) /);
    assert.ok(error.message.length < 1700, `a message of ${error.message.length} characters`);
    assert.equal(error.message.includes("\n"), false, JSON.stringify(error.message));
  }
  assertNoPollution();
}

fuzz("manifests: mutated YAML and JSON", 4000, (random) => {
  const text = yamlText(random, random.mutate(random.pick<unknown>([pod, policy, list, [pod]])));
  assertRefusesWith(ManifestParseError, () => parseManifests(text, "x.yaml"));
});

fuzz("policies: mutated YAML and JSON", 4000, (random) => {
  const text = yamlText(random, random.mutate(random.pick<unknown>([policy, list, [policy]])));
  assertRefusesWith(PolicyParseError, () => parsePolicyDocuments(text, "x.yaml"));
});

fuzz("policies: mutated objects, as the API gives them", 8000, (random) => {
  const resource = random.mutate(random.chance(0.9) ? policy : random.json());
  assertRefusesWith(PolicyParseError, () => parsePolicy(resource, { origin: "API" }));
});

fuzz("manifests and policies: random bytes", 1000, (random) => {
  const text = Buffer.from(random.bytes(random.int(0, 300))).toString(random.pick(["utf8", "latin1"]));
  assertRefusesWith(ManifestParseError, () => parseManifests(text, "x.yaml"));
  assertRefusesWith(PolicyParseError, () => parsePolicyDocuments(text, "x.yaml"));
});

const head = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: a}\nspec:\n";

test("threats: no tag makes a selector that looks empty and selects everything", () => {
  const rule = "  ingress: [{fromEndpoints: [{matchLabels: {app: x}}]}]\n";
  for (const value of ["!!set {matchLabels}", "!!omap [{matchLabels: {a: b}}]", "!!timestamp 2020-01-01", "!mine {}"]) {
    for (const directive of ["", "%YAML 1.1\n---\n"]) {
      const subject = `${directive}${head}  endpointSelector: ${value}\n${rule}`;
      assert.throws(() => parsePolicyDocuments(subject, "p.yaml"), PolicyParseError, value);
      const peer = `${directive}${head}  endpointSelector: {}\n  ingress: [{fromEndpoints: [${value}]}]\n`;
      assert.throws(() => parsePolicyDocuments(peer, "p.yaml"), PolicyParseError, value);
    }
  }
  const merged = `%YAML 1.1\n---\n${head}  endpointSelector: &a {matchLabels: {app: x}}\n  <<: *a\n${rule}`;
  assert.throws(() => parsePolicyDocuments(merged, "p.yaml"), /unknown/);
  assert.equal(parsePolicyDocuments(`${head}  endpointSelector: !!map {}\n${rule}`, "p.yaml").length, 1);
});

test("threats: keys of prototypes pollute nothing and mean nothing", () => {
  const text = [
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  __proto__: {namespace: other, polluted: true}",
    "  labels: {constructor: x, __proto__: y}\n__proto__: {polluted: true}\n",
  ].join("\n");
  const [row] = parseManifests(text, "x.yaml");
  assert.equal(row?.namespace, "default");
  assertNoPollution();
  const inherited = `__proto__: {apiVersion: v1, kind: Pod, metadata: {name: a}}\n`;
  assert.throws(() => parseManifests(inherited, "x.yaml"), ManifestParseError);
  assert.throws(() => parsePolicy(JSON.parse(`{"__proto__": ${JSON.stringify(policy)}}`)), PolicyParseError);
});

/** Texts that made the parser, or what stands behind it, run for minutes or out of stack. */
const bombs: readonly (readonly [string, string])[] = [
  ["many keys", Array.from({ length: 60_000 }, (_, n) => `k${n}: v`).join("\n")],
  ["keys within keys", "? ".repeat(100_000)],
  ["nested lists", "[".repeat(20_000)],
  ["nested lists, closed", `a: ${"[".repeat(900)}${"]".repeat(900)}`],
  ["nested blocks", Array.from({ length: 1500 }, (_, n) => `${" ".repeat(n)}a:`).join("\n")],
  ["nested dashes", "- ".repeat(50_000)],
  ["errors", "[".concat("}".repeat(100_000))],
  ["tags", "!!a ".repeat(100_000)],
  ["aliases", Array.from({ length: 20_000 }, (_, n) => `- &a${n} x\n- *a${n}`).join("\n")],
  ["empty lines", "\n".repeat(4_000_000)],
  ["items", `[${"a,".repeat(2_000_000)}]`],
  ["documents", "---\n".repeat(1_500_000)],
  ["16 MB", "- a\n".repeat(4_000_000)],
  [
    "a bomb of aliases",
    `a: &a [x,x]\n${Array.from({ length: 90 }, (_, n) => `b${n}: &b${n} [*${n === 0 ? "a" : `b${n - 1}`},*${n === 0 ? "a" : `b${n - 1}`}]`).join("\n")}`,
  ],
];
for (const [n, [what, text]] of bombs.entries()) {
  test(`threats: ${what} cost seconds at most`, () => {
    const { user: before } = process.cpuUsage();
    if (n % 2 === 0) assert.throws(() => parseManifests(text, "x.yaml"), ManifestParseError);
    else assert.throws(() => parsePolicyDocuments(text, "x.yaml"), PolicyParseError);
    const seconds = (process.cpuUsage().user - before) / 1e6;
    assert.ok(seconds < 20, `${seconds.toFixed(1)} s`);
  });
}

test("keys that are there twice are refused with their line", () => {
  assert.throws(
    () => parseManifests("a: 1\nb: {c: 1, c: 2}", "x.yaml"),
    /line 2: not valid YAML: Map keys must be unique/,
  );
  assert.throws(() => parseManifests('a: 1\n"a": 2', "x.yaml"), /line 2: .*unique/);
});

test("threats: the agent's folder of manifests takes garbage without losing what is right", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "fuzz-manifests-"));
  const resources = createResourceTable();
  const source = createStaticSource({ resources }, { directory });
  await source.start(new AbortController().signal);
  t.after(async () => {
    await source.stop?.();
    rmSync(directory, { recursive: true });
  });
  writeFileSync(join(directory, "good.yaml"), stringify(pod));
  writeFileSync(join(directory, "binary.yaml"), Buffer.from(Array.from({ length: 5000 }, (_, n) => (n * 7919) & 0xff)));
  writeFileSync(join(directory, "utf16.yaml"), Buffer.from(stringify(pod), "utf16le"));
  writeFileSync(join(directory, "empty.yaml"), "");
  writeFileSync(join(directory, "deep.json"), "[".repeat(100_000));
  mkdirSync(join(directory, "x\u001b[2J\n.yaml"));
  source.rescan();
  assert.deepEqual(
    [...resources.all()].map(({ id }) => id),
    ["Pod/default/a"],
  );
  assert.deepEqual(
    source.errors().map(({ file }) => file),
    ["binary.yaml", "deep.json", "utf16.yaml", "x\u001b[2J\n.yaml"],
  );
});
