// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkManifests, readInputs } from "./input.ts";

const pod = (spec: string, name = "a"): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
const good = pod("{containers: [{name: c, command: [sleep, infinity]}]}");
const policy = (spec: string): string =>
  `apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p}\nspec: ${spec}\n`;

test("checkManifests() takes kubectl's manifests, with fields it has no use for", () => {
  const rich = pod(
    "{containers: [{name: c, image: nginx, resources: {limits: {cpu: 1}}, ports: [{containerPort: 80}]}]}",
  );
  const rows = checkManifests(`${rich}---\n${policy("{endpointSelector: {}, ingress: [{}]}")}`, "x.yaml");
  assert.deepEqual(
    rows.map((row) => row.id),
    ["Pod/default/a", "CiliumNetworkPolicy/default/p"],
  );
});

for (const [what, text, message] of [
  [
    "an unknown kind",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}",
    /x\.yaml, document 1: kind is "ConfigMap", expected one of Namespace, Node, Pod/,
  ],
  [
    "another version",
    good.replace("apiVersion: v1", "apiVersion: v2"),
    /document 1: apiVersion is "v2", expected v1 for a Pod/,
  ],
  ["no containers", pod("{containers: []}"), /spec\.containers is \[\], expected a list with at least one container/],
  ["no spec", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}", /spec is nothing, expected an object/],
  [
    "a command that is no list",
    pod("{containers: [{name: c, command: sleep}]}"),
    /spec\.containers\[0\]\.command is "sleep", expected a list of strings/,
  ],
  [
    "a port of 70000",
    pod("{containers: [{name: c, ports: [{containerPort: 70000}]}]}"),
    /spec\.containers\[0\]\.ports\[0\]\.containerPort is 70000, expected a port number/,
  ],
  ["a host network", pod("{hostNetwork: true, containers: [{name: c}]}"), /spec\.hostNetwork is true, expected false/],
  [
    "init containers",
    pod("{initContainers: [{name: i}], containers: [{name: c}]}"),
    /spec\.initContainers is .*expected nothing/,
  ],
  [
    "a secret in the environment",
    pod("{containers: [{name: c, env: [{name: A, valueFrom: {secretKeyRef: {name: s}}}]}]}"),
    /env\[0\]\.valueFrom.*expected/,
  ],
  [
    "a policy port of 70000",
    policy('{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "70000", protocol: TCP}]}]}]}'),
    /x\.yaml, document 1.*spec\.ingress\[0\]\.toPorts\[0\]\.ports\[0\]\.port.*70000/,
  ],
  ["a misspelt policy field", policy("{endpointSelectr: {}, ingress: [{}]}"), /endpointSelectr/],
  ["a bad second document", `${good}---\n${pod("{containers: 1}", "b")}`, /x\.yaml, document 2: spec\.containers is 1/],
] as const) {
  test(`checkManifests() refuses ${what}`, () => {
    assert.throws(() => checkManifests(text, "x.yaml"), message);
  });
}

test("readInputs() reads folders in order and refuses the same object in two files", () => {
  const folder = mkdtempSync(join(tmpdir(), "sandbox-input-"));
  try {
    writeFileSync(join(folder, "2.yaml"), pod("{containers: [{name: c}]}", "b"));
    writeFileSync(join(folder, "1.yml"), good);
    writeFileSync(join(folder, "notes.txt"), "not a manifest");
    assert.deepEqual(
      readInputs([folder]).map((row) => row.name),
      ["a", "b"],
    );
    writeFileSync(join(folder, "3.json"), '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}');
    writeFileSync(join(folder, "4.yaml"), good);
    assert.throws(
      () => readInputs([folder]),
      /4\.yaml, document 1: "Pod\/default\/a" is in .*1\.yml, document 1 already/,
    );
    assert.throws(() => readInputs([join(folder, "none")]), /ENOENT/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
