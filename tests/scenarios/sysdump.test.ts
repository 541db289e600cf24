// SPDX-License-Identifier: Apache-2.0
// A sysdump of a node with secrets in every place that one might look into.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AgentNode } from "../../apps/agent/testing.ts";

const secret = "HUNTER2";
const ipsecKey = "0123456789abcdef0123456789abcdef01234567";
const pem = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`;

const manifests = `
apiVersion: v1
kind: Pod
metadata:
  name: a
  labels: {app: a, api-token: ${secret}label}
  annotations: {password: ${secret}annotation}
---
apiVersion: v1
kind: Secret
metadata: {name: s, namespace: default}
stringData: {password: "${secret} secret"}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: p, annotations: {client-secret: "${secret} annotation of a policy"}}
spec:
  endpointSelector: {matchLabels: {api-token: ${secret}label}}
  ingress: [{fromEndpoints: [{}]}]
`;

const log = `
level=info msg="Connected" url=http://root:${secret}url@etcd:2379 password=${secret}text
{"level":"info","msg":"x","token":"${secret} json","nested":"{\\"passphrase\\":\\"${secret}nested\\"}"}
Authorization: Bearer ${secret}bearer
3 rfc4106(gcm(aes)) ${ipsecKey} 128
PrivateKey = ${secret}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=
eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${secret}signature
${pem}
`;

let node: AgentNode;

before(async () => {
  node = new AgentNode({
    "kvstore-opt": `memory.name=http://root:${secret}opt@etcd:2379/?password=${secret}password`,
  });
  node.writeManifest("all.yaml", manifests);
  process.env.ETCD_PASSWORD = `${secret}environment`;
  await node.startAgent();
  await node.cni("ADD", "a");
  mkdirSync(join(node.directory, "logs"), { recursive: true });
  writeFileSync(join(node.directory, "logs", "agent.log"), log);
});

after(async () => {
  delete process.env.ETCD_PASSWORD;
  await node?.close();
});

const cilium = (...args: string[]) =>
  node.run("node", [join(import.meta.dirname, "../../bin/cilium-dbg"), ...args], {
    CILIUM_SOCK: node.client.socketPath,
  });

test("everything is there, nothing secret is, and what fails is told of", async () => {
  const archive = join(node.directory, "dump");
  const { code, stdout, stderr } = await cilium("sysdump", "--output-filename", archive, "--monitor-duration", "100ms");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Collected \d+ of \d+ items in .*dump\.tar\.gz\n/);
  assert.equal(statSync(`${archive}.tar.gz`).mode & 0o777, 0o600);
  execFileSync("tar", ["-xzf", `${archive}.tar.gz`, "-C", node.directory]);

  const files = readdirSync(archive, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const texts = new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(archive.length + 1), readFileSync(path, "utf8")];
    }),
  );
  for (const [path, text] of texts) {
    for (const found of [secret, ipsecKey]) assert.ok(!text.includes(found), `${path}: ${found} in ${text}`);
  }
  const holds = (path: string, pattern: RegExp) => assert.match(texts.get(path) ?? "", pattern, path);
  holds("status.txt", /^Cilium: +Ok/m);
  holds("config.txt", /memory.name +: http:..root:\[redacted\]@etcd:2379/m);
  holds("endpoints.json", /"k8s-pod-name": "a"/);
  holds("policy.json", /CiliumNetworkPolicy/);
  holds("metrics.txt", /cilium_endpoint_state/);
  holds("statedb.json", /"ipcache": \[/);
  holds("features.txt", /^tcx +yes +6\.6 +CONFIG_NET_XGRESS/m);
  holds("bpf/endpoints.txt", /id=\d+/);
  holds("bpf/links.json", /"type": "tcx"/);
  holds("network/links.json", /"cilium_host"/);
  holds("network/routes.json", /10\.99\.0\./);
  holds("network/programs.json", /"ingress": \[\s+\d/);
  holds("system/kernel-config", /CONFIG_BPF=y/);
  holds(`logs/${join(node.directory, "logs/agent.log").slice(1).replaceAll("/", "_")}`, /msg="Connected"/);
  const { items } = JSON.parse(texts.get("sysdump.json") ?? "") as { items: { path: string; error?: string }[] };
  const failed = new Map(items.flatMap(({ path, error }) => (error === undefined ? [] : [[path, error]])));
  assert.match(failed.get("prefilter.txt") ?? "", /it is off/);
  const expected = ["bpf/nat.txt", "policy-lint.txt", "prefilter.txt", "system/modules"];
  assert.deepEqual(
    [...failed.keys()].filter((path) => !expected.includes(path)),
    [],
    JSON.stringify([...failed]),
  );
});

test("debuginfo holds no secret either, and a dump without an agent says what could be had", async () => {
  for (const output of ["markdown", "json", "html"]) {
    const { code, stdout } = await cilium("debuginfo", "--output", output);
    assert.equal(code, 0);
    assert.match(stdout, /cluster-name/);
    assert.ok(!stdout.includes(`${secret}opt`) && !stdout.includes(`${secret}password`), output);
  }
});

test("cilium-bugtool makes the same archive where cilium-cli looks for it", async () => {
  const bugtool = (...args: string[]) =>
    node.run("node", [join(import.meta.dirname, "../../bin/cilium-bugtool"), ...args], {
      CILIUM_SOCK: node.client.socketPath,
    });
  // As cilium-cli calls it, whose versions look for either line.
  const { code, stdout, stderr } = await bugtool("--archiveType=gz", "--exclude-object-files", "-t", node.directory);
  assert.equal(code, 0, stderr);
  const [, path = ""] = /ARCHIVE at (.*)\n/.exec(stdout) ?? [];
  assert.equal(/GZIP at (.*)\n/.exec(stdout)?.[1], path);
  assert.match(path, /\/cilium-bugtool-[-\d]+\.tar\.gz$/);
  assert.match(execFileSync("tar", ["-tzf", path], { encoding: "utf8" }), /^cilium-bugtool-[-\d]+\/sysdump\.json$/m);
  const refused = await bugtool("-o", "zip");
  assert.deepEqual(
    [refused.code, refused.stderr],
    [1, 'Error: Cannot make archive: type "zip" is unknown (expected tar or gz)\n'],
  );
});
