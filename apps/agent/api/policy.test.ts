// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ApiError, type DropQuery } from "../../../src/api/index.ts";
import { doneStatus } from "../../../src/core/index.ts";
import { createEndpointTable } from "../../../src/endpoint/index.ts";
import { createIdentityTable } from "../../../src/identity/index.ts";
import { createResourceTable } from "../../../src/kubernetes/index.ts";
import { createPolicyModule, createPolicyTable, PolicyEngine, PolicyStore } from "../../../src/policy/index.ts";
import { cnp, pod, podLabelSet, selector, tcp } from "../../../src/policy/testing.ts";
import { createPolicyCalls } from "./policy.ts";

const web = podLabelSet("default", "app=web");
const rule = (port: number) => ({
  endpointSelector: selector("app=web"),
  ingress: [{ fromEndpoints: [selector("app=client")], toPorts: [tcp(port)] }],
});
const status = (code: number, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.status, code, error.message);
  assert.match(error.message, message);
  return true;
};

/** An agent with endpoint 7 (app=web, identity 300), and a client (301) and a stranger (302) elsewhere. */
async function setUp(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "agent-policy-"));
  const [resources, identities, policies, endpoints] = [
    ...([createResourceTable(), createIdentityTable(), createPolicyTable(), createEndpointTable()] as const),
  ];
  for (const row of [{ id: 300, labels: web }, pod(301, "default", "app=client"), pod(302, "default", "app=other")]) {
    identities.upsert({ ...row, source: "memory" });
  }
  endpoints.upsert({
    ...{ id: 7, identity: 300, labels: web, phase: "active", status: doneStatus(), generation: 0, log: [] },
    ...{ containerId: "c", containerInterfaceName: "eth0", netnsPath: "", interfaceName: "lxc", ifindex: 7 },
    ...{ mac: "02:00:00:00:00:01", nodeMac: "02:00:00:00:00:02", podNamespace: "default", podName: "web" },
  });
  const engine = new PolicyEngine();
  const store = new PolicyStore(directory);
  const module = createPolicyModule({ engine, policies, resources, identities, store });
  await module.start(new AbortController().signal);
  t.after(async () => {
    await module.stop?.();
    rmSync(directory, { recursive: true });
  });
  return { api: createPolicyCalls({ engine, module, policies, endpoints }), resources, engine };
}

test("PUT, GET and DELETE /policy", async (t) => {
  const { api, engine } = await setUp(t);
  const put = await api.putPolicy([cnp("b", rule(81)), cnp("a", rule(80))]);
  assert.equal(put.revision, engine.revision);
  const listed = JSON.parse(put.policy) as { metadata: { name: string } }[];
  assert.deepEqual(
    listed.map(({ metadata }) => metadata.name),
    ["a", "b"],
  );
  assert.deepEqual(await api.getPolicy(), put);
  assert.equal(JSON.parse((await api.deletePolicy({ name: "default/a" })).policy).length, 1);
  assert.throws(() => api.deletePolicy({ name: "default/a" }), status(404, /there is no imported policy "default\/a"/));
  await api.deletePolicy({});
  assert.throws(() => api.deletePolicy({}), status(404, /there is no imported policy \(/));
});

test("PUT /policy of a bad policy is 400, of a manifest's 409; nothing changes", async (t) => {
  const { api, resources, engine } = await setUp(t);
  const object = cnp("m", rule(80));
  const where = {
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    namespace: "default",
    name: "m",
    origin: "m.yaml",
  };
  resources.upsert({ id: "CiliumNetworkPolicy/default/m", ...where, object });
  await turn();
  const { revision } = engine;
  const bad = [cnp("a", rule(80)), cnp("b", rule(70_000))];
  assert.throws(() => api.putPolicy(bad), status(400, /policy "default\/b" \(API\).*70000/));
  const conflict = [cnp("a", rule(80)), cnp("m", rule(81))];
  assert.throws(() => api.putPolicy(conflict), status(409, /default\/m": it comes from directory \(change it there\)/));
  assert.equal(engine.revision, revision);
});

test("GET /policy/selectors names selectors, their policies and identities", async (t) => {
  const { api } = await setUp(t);
  await api.putPolicy([cnp("a", rule(80))]);
  const rows = (await api.policySelectors?.()) ?? [];
  const row = rows.find(({ selector }) => selector.includes("app: client"));
  assert.deepEqual(row?.identities, [301]);
  assert.deepEqual(
    row?.labels[0]?.map(({ value }) => value),
    ["default", "a"],
  );
});

test("GET /policy/rules names the rule of each cookie", async (t) => {
  const { api, engine } = await setUp(t);
  await api.putPolicy([cnp("a", rule(80))]);
  const { entries } = engine.resolveEndpoint(web, 300);
  const cookie = entries.find(({ identity }) => identity === 301)?.cookie ?? 0;
  const named = (await api.policyRules?.())?.find((row) => row.cookie === cookie)?.rule;
  const section = "ingress[0].toPorts[0]";
  assert.deepEqual(named, { policy: "default/a", kind: "CiliumNetworkPolicy", direction: "ingress", section });
});

test("a drop is explained by its rule, or by who made the default deny and what nearly matched", async (t) => {
  const { api, engine } = await setUp(t);
  const drop: DropQuery = {
    ...{ endpoint: 7, direction: "ingress", sourceIdentity: 302, destinationIdentity: 300 },
    ...{ protocol: 6, port: 80, cookie: 0, policySet: 0 },
  };
  assert.deepEqual(await api.explainDrop(drop), { kind: "unknown" }, "no policy, no deny");
  await api.putPolicy([cnp("a", rule(80))]);
  const { entries } = engine.resolveEndpoint(web, 300);
  const explained = await api.explainDrop(drop);
  assert.deepEqual(explained, {
    kind: "default-deny",
    by: ["default/a"],
    nearestMiss: {
      rule: { policy: "default/a", section: "ingress[0].toPorts[0]" },
      fields: explained.kind === "default-deny" ? explained.nearestMiss?.fields : [],
    },
  });
  const cookie = entries.find(({ identity }) => identity === 301)?.cookie ?? 0;
  assert.deepEqual(await api.explainDrop({ ...drop, cookie }), {
    ...{ kind: "rule", policy: "default/a", section: "ingress[0].toPorts[0]" },
  });
  assert.deepEqual(await api.explainDrop({ ...drop, endpoint: 8 }), { kind: "unknown" });
  assert.deepEqual(await api.explainDrop({ ...drop, direction: "unknown" }), { kind: "unknown" });
  assert.deepEqual(await api.explainDrop({ ...drop, sourceIdentity: 301 }), { kind: "unknown" }, "allowed by now");
});
