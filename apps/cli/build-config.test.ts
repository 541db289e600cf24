// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startCli } from "./harness.ts";

const objects = `
apiVersion: v1
kind: ConfigMap
metadata: {name: cilium-config, namespace: kube-system}
data: {debug: "false", tunnel-protocol: vxlan, cluster-name: base}
---
apiVersion: v1
kind: Node
metadata:
  name: worker
  labels: {zone: a, gpu: "yes"}
  annotations: {config.cilium.io/debug: "true", other/x: y, config.cilium.io/../evil: z}
---
apiVersion: cilium.io/v2
kind: CiliumNodeConfig
metadata: {name: b-zone, namespace: kube-system}
spec:
  nodeSelector: {matchLabels: {zone: a}, matchExpressions: [{key: gpu, operator: Exists}]}
  defaults: {tunnel-protocol: geneve, cluster-name: zone}
---
apiVersion: cilium.io/v2
kind: CiliumNodeConfig
metadata: {name: a-all, namespace: kube-system}
spec: {nodeSelector: {}, defaults: {tunnel-protocol: none}}
---
apiVersion: cilium.io/v2
kind: CiliumNodeConfig
metadata: {name: other, namespace: kube-system}
spec: {nodeSelector: {matchExpressions: [{key: zone, operator: NotIn, values: [a]}]}, defaults: {debug: "maybe"}}
`;

async function setup(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "build-config-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const manifests = join(folder, "objects.yaml");
  writeFileSync(manifests, objects);
  const { run } = await startCli(t, undefined);
  const dest = join(folder, "deep/config");
  const build = (...args: string[]) =>
    run(["build-config", "-m", manifests, "--dest", dest, ...args], { env: { K8S_NODE_NAME: "worker" } });
  const read = () => Object.fromEntries(readdirSync(dest).map((key) => [key, readFileSync(join(dest, key), "utf8")]));
  return { build, read, run };
}

test("build-config takes the ConfigMap, then what is said of the node, and replaces the folder", async (t) => {
  const { build, read } = await setup(t);
  const { code, stdout, stderr } = await build();
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Wrote 3 keys to .*\/deep\/config\n$/);
  assert.match(stderr, /^Key "tunnel-protocol" is overridden by cilium-node-config kube-system\/a-all\n/);
  assert.deepEqual(read(), { debug: "false", "tunnel-protocol": "geneve", "cluster-name": "zone" });
  const node = await build("--source", "config-map:kube-system/cilium-config", "--source", "node:worker");
  assert.match(node.stderr, /Key "\.\.\/evil" of node worker is left out/);
  assert.deepEqual(read(), { debug: "true", "tunnel-protocol": "vxlan", "cluster-name": "base" });
});

test("build-config keeps keys that may not be overridden", async (t) => {
  const { build, read } = await setup(t);
  await build("--deny-config-keys", "cluster-name");
  assert.deepEqual(read(), { debug: "false", "tunnel-protocol": "geneve", "cluster-name": "base" });
  await build("--allow-config-keys", "cluster-name", "--deny-config-keys", "cluster-name");
  assert.deepEqual(read(), { debug: "false", "tunnel-protocol": "vxlan", "cluster-name": "zone" });
});

test("build-config says what it needs", async (t) => {
  const { build, run } = await setup(t);
  assert.match((await run(["build-config"])).stderr, /give --manifests/);
  assert.match((await build("--source", "api")).stderr, /--source "api": expected config-map/);
  const { stderr } = await build("--dest", join(import.meta.filename, "x"));
  assert.match(stderr, /^Error: Cannot write configuration to ".*\/x": (ENOTDIR|EEXIST) \(/m);
});
