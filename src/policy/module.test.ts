// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { configureLogging } from "../core/index.ts";
import { createIdentityTable } from "../identity/index.ts";
import { createResourceTable, type ResourceRow, resourceId } from "../kubernetes/index.ts";
import { PolicyEngine } from "./engine/engine.ts";
import { PolicyConflictError, PolicyParseError } from "./errors.ts";
import { createPolicyModule } from "./module.ts";
import { PolicyStore } from "./store.ts";
import { createPolicyTable } from "./table.ts";
import { cnp, pod, podLabelSet, selector, tcp } from "./testing.ts";

configureLogging({ level: "silent" });

const web = podLabelSet("default", "app=web");
const rule = (port: number) => ({
  endpointSelector: selector("app=web"),
  ingress: [{ fromEndpoints: [selector("app=client")], toPorts: [tcp(port)] }],
});
const file = (name: string, spec: unknown): ResourceRow => ({
  ...{
    id: resourceId("CiliumNetworkPolicy", "default", name),
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
  },
  ...{ namespace: "default", name, object: cnp(name, spec), origin: `${name}.yaml, document 1` },
});

function repository(directory: string) {
  const resources = createResourceTable();
  const identities = createIdentityTable();
  const policies = createPolicyTable();
  const store = new PolicyStore(directory);
  const engine = new PolicyEngine({ cookies: store.loadCookies() });
  const module = createPolicyModule({ engine, policies, resources, identities, store });
  const ports = () => {
    const found = engine.resolveEndpoint(web, 1000).entries.filter(({ identity }) => identity === 2000);
    return found.map(({ port }) => port);
  };
  return { resources, identities, policies, engine, module, ports };
}

async function setUp(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "policy-"));
  const run = repository(directory);
  run.identities.upsert({ ...pod(2000, "default", "app=client"), source: "memory" });
  await run.module.start(new AbortController().signal);
  t.after(async () => {
    await run.module.stop?.();
    rmSync(directory, { recursive: true });
  });
  const restart = async () => {
    await run.module.stop?.();
    const next = repository(directory);
    next.identities.upsert({ ...pod(2000, "default", "app=client"), source: "memory" });
    return next;
  };
  return { ...run, directory, restart };
}

test("imported policies are in force at once and after a restart, with the same cookies", async (t) => {
  const { module, ports, engine, restart } = await setUp(t);
  assert.equal(module.import([cnp("a", rule(80)), cnp("b", rule(81))]), engine.revision);
  assert.deepEqual(ports(), [80, 81]);
  const next = await restart();
  await next.module.start(new AbortController().signal);
  assert.deepEqual(next.engine.resolveEndpoint(web, 1000).entries, engine.resolveEndpoint(web, 1000).entries);
  assert.deepEqual(
    [...next.policies.all()].map(({ id, source }) => [id, source]),
    [
      ["CiliumNetworkPolicy/default/a", "api"],
      ["CiliumNetworkPolicy/default/b", "api"],
    ],
  );
  assert.equal(next.module.remove("default/a"), 1);
  assert.deepEqual(next.ports(), [81]);
  assert.equal(next.module.remove("default/a"), 0);
  assert.equal(next.module.remove(), 1);
  assert.deepEqual(next.ports(), []);
  await next.module.stop?.();
});

test("an import with one bad policy changes nothing", async (t) => {
  const { module, ports, policies, directory } = await setUp(t);
  module.import([cnp("a", rule(80))]);
  assert.throws(() => module.import([cnp("a", rule(443)), cnp("b", rule(70_000))]), PolicyParseError);
  assert.deepEqual(ports(), [80]);
  assert.equal(policies.size, 1);
  assert.equal(JSON.parse(readFileSync(join(directory, "policy-imported.json"), "utf8")).length, 1);
});

test("an import that cannot be stored changes nothing", async (t) => {
  const { module, ports, directory } = await setUp(t);
  module.import([cnp("a", rule(80))]);
  mkdirSync(join(directory, ".policy-imported.json.tmp"));
  assert.throws(() => module.import([cnp("b", rule(81))]), /EISDIR/);
  assert.throws(() => module.remove("default/a"), /EISDIR/);
  assert.deepEqual(ports(), [80]);
});

test("an import does not replace the policy of a manifest, nor is it removed with imports", async (t) => {
  const { module, ports, resources } = await setUp(t);
  resources.upsert(file("a", rule(80)));
  await turn();
  const imports = [cnp("b", rule(81)), cnp("a", rule(82))];
  assert.throws(
    () => module.import(imports),
    (error) => {
      assert.ok(error instanceof PolicyConflictError);
      assert.match(error.message, /"CiliumNetworkPolicy\/default\/a": it comes from directory/);
      return true;
    },
  );
  assert.deepEqual(ports(), [80]);
  assert.equal(module.remove("default/a"), 0);
  assert.equal(module.remove(), 0);
  assert.deepEqual(ports(), [80]);
});

test("policies follow their manifests", async (t) => {
  const { ports, resources } = await setUp(t);
  resources.upsert(file("a", rule(80)));
  await turn();
  assert.deepEqual(ports(), [80]);
  resources.upsert(file("a", rule(81)));
  await turn();
  assert.deepEqual(ports(), [81]);
  resources.delete("CiliumNetworkPolicy/default/a");
  await turn();
  assert.deepEqual(ports(), []);
});

test("a refused manifest keeps the last good policy in force, and is told until it is mended", async (t) => {
  const { module, ports, resources } = await setUp(t);
  resources.upsert(file("a", rule(80)));
  await turn();
  resources.upsert(file("a", rule(70_000)));
  resources.upsert(file("b", rule(81)));
  await turn();
  assert.deepEqual(ports(), [80, 81]);
  assert.deepEqual(
    module.refused().map(({ id }) => id),
    ["CiliumNetworkPolicy/default/a"],
  );
  assert.match(module.refused()[0]?.message ?? "", /"default\/a" \(a\.yaml, document 1\).*70000/);
  assert.deepEqual(module.health?.().state, "degraded");
  resources.upsert(file("a", rule(82)));
  await turn();
  assert.deepEqual(ports(), [81, 82]);
  assert.deepEqual(module.refused(), []);
  assert.equal(module.health?.().state, "ok");
});

test("a manifest that is refused at the next start is in force as it last was, until it is mended or gone", async (t) => {
  const { directory, resources, restart } = await setUp(t);
  resources.upsert(file("a", rule(80)));
  resources.upsert(file("b", rule(90)));
  await turn();
  const kept = () => readdirSync(join(directory, "manifests"));
  assert.deepEqual(
    kept().map((name) => statSync(join(directory, "manifests", name)).mode & 0o777),
    [0o600, 0o600],
  );
  const next = await restart();
  next.resources.upsert(file("a", rule(70_000)));
  next.resources.upsert(file("c", rule(70_001)));
  await next.module.start(new AbortController().signal);
  assert.deepEqual(next.ports(), [80]);
  assert.deepEqual(
    next.module.refused().map(({ id }) => id),
    ["CiliumNetworkPolicy/default/a", "CiliumNetworkPolicy/default/c"],
  );
  assert.equal(kept().length, 1);
  next.resources.delete("CiliumNetworkPolicy/default/a");
  await turn();
  assert.deepEqual([next.ports(), kept()], [[], []]);
  await next.module.stop?.();
});

test("a manifest takes the place of an import, a refused one does not", async (t) => {
  const { module, ports, resources, restart } = await setUp(t);
  module.import([cnp("a", rule(80)), cnp("b", rule(81))]);
  resources.upsert(file("a", rule(90)));
  resources.upsert(file("b", rule(70_000)));
  await turn();
  assert.deepEqual(ports(), [81, 90]);
  resources.delete("CiliumNetworkPolicy/default/a");
  resources.delete("CiliumNetworkPolicy/default/b");
  await turn();
  assert.deepEqual(ports(), [81]);
  const next = await restart();
  await next.module.start(new AbortController().signal);
  assert.deepEqual(next.ports(), [81]);
  await next.module.stop?.();
});

test("a manifest whose import cannot be taken off the disk is in force, and not called refused", async (t) => {
  const { module, resources, policies, directory } = await setUp(t);
  module.import([cnp("p", rule(80))]);
  mkdirSync(join(directory, ".policy-imported.json.tmp"));
  resources.upsert(file("p", rule(443)));
  await turn();
  assert.equal(policies.get("CiliumNetworkPolicy/default/p")?.source, "directory");
  assert.deepEqual(module.refused(), []);
});

test("threats: an imported policy that cannot be restored is told, and kept by later imports", async (t) => {
  const { module, directory, restart } = await setUp(t);
  module.import([cnp("a", rule(80))]);
  const path = join(directory, "policy-imported.json");
  const bad = cnp("c", rule(70_000));
  writeFileSync(path, JSON.stringify([...JSON.parse(readFileSync(path, "utf8")), bad]));
  const next = await restart();
  await next.module.start(new AbortController().signal);
  assert.deepEqual(next.ports(), [80]);
  assert.match(next.module.health?.().message ?? "", /1 policy object\(s\) refused: .*70000/);
  next.module.import([cnp("b", rule(81))]);
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")).at(-1), bad);
  assert.equal(next.module.remove(), 3);
  assert.equal(next.module.health?.().state, "ok");
  assert.equal(readFileSync(path, "utf8"), "[]");
  await next.module.stop?.();
});

test("each change of a policy is told with its source and outcome", async (t) => {
  const { module, resources } = await setUp(t);
  const changes: string[] = [];
  const watch = module.onChange(({ source, operation, outcome }) => changes.push(`${source} ${operation} ${outcome}`));
  module.import([cnp("a", rule(80))]);
  assert.throws(() => module.import([cnp("b", rule(70_000))]));
  module.remove("default/a");
  resources.upsert(file("c", rule(80)));
  resources.upsert(file("d", rule(70_000)));
  await turn();
  resources.delete("CiliumNetworkPolicy/default/c");
  await turn();
  watch[Symbol.dispose]();
  module.import([cnp("a", rule(80))]);
  assert.deepEqual(changes, [
    ...["api update success", "api update fail", "api delete success"],
    ...["directory update success", "directory update fail", "directory delete success"],
  ]);
});

test("threats: imports that cannot be read end the start, cookies that cannot do not", async (t) => {
  const { directory, restart } = await setUp(t);
  writeFileSync(join(directory, "policy-imported.json"), '{"a": 1}');
  writeFileSync(join(directory, "policy-cookies.json"), "[");
  const next = await restart();
  await assert.rejects(
    next.module.start(new AbortController().signal),
    /policy-imported\.json": not a list \(mend or remove/,
  );
  await next.module.stop?.();
});

test("identities that come and go move the entries", async (t) => {
  const { module, ports, identities } = await setUp(t);
  module.import([cnp("a", rule(80))]);
  identities.delete(2000);
  await turn();
  assert.deepEqual(ports(), []);
  identities.upsert({ ...pod(2000, "default", "app=client"), source: "memory" });
  await turn();
  assert.deepEqual(ports(), [80]);
});

test("an annotation of the namespace puts its policies into audit mode, and takes them out again", async (t) => {
  const { resources, engine } = await setUp(t);
  const namespace = (audit: string): ResourceRow => ({
    ...{
      id: resourceId("Namespace", "", "default"),
      apiVersion: "v1",
      kind: "Namespace",
      namespace: "",
      name: "default",
    },
    object: { metadata: { name: "default", annotations: { "policy.cilium.io/audit": audit } } },
    origin: "ns.yaml",
  });
  /** What becomes of traffic that no rule allows. */
  const rest = () =>
    engine.resolveEndpoint(web, 1000).entries.find(({ identity, protocol }) => identity + protocol === 0);
  resources.upsert(file("web", rule(80)));
  await turn();
  assert.equal(rest(), undefined);
  resources.upsert(namespace("true"));
  await turn();
  assert.deepEqual([rest()?.verdict, rest()?.isDefault], ["audit", true]);
  resources.upsert(file("web", rule(81)));
  await turn();
  assert.equal(rest()?.verdict, "audit");
  resources.upsert(namespace("false"));
  await turn();
  assert.equal(rest(), undefined);
});
