// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluateJsonPath } from "./jsonpath.ts";

const list = {
  items: [
    { metadata: { name: "a", labels: { "app.kubernetes.io/name": "x" } }, status: { podIP: "10.0.0.1" } },
    { metadata: { name: "b" }, status: { podIP: "10.0.0.2", ready: true } },
  ],
};

for (const [template, expected] of [
  ["{.items[*].metadata.name}", "a b"],
  ["{.items[0].status.podIP}", "10.0.0.1"],
  ["{.items[-1].status.podIP}", "10.0.0.2"],
  ["{$.items[1].status.ready}!", "true!"],
  ["{.items[0].metadata.labels}", '{"app.kubernetes.io/name":"x"}'],
  ["{.items[0].metadata.labels['app.kubernetes.io/name']}", "x"],
  ["{.items[0].metadata.labels.app\\.kubernetes\\.io/name}", "x"],
  ['{range .items[*]}{.metadata.name}={.status.podIP}{"\\n"}{end}', "a=10.0.0.1\nb=10.0.0.2\n"],
  ["{.items[7].metadata.name}{.nothing}", ""],
] as const) {
  test(`evaluateJsonPath() fills ${template}`, () => assert.equal(evaluateJsonPath(template, list), expected));
}

test("evaluateJsonPath() refuses what it cannot read", () => {
  for (const template of ["{.items[?(@.a)]}", "{range .items[*]}x", "{end}"]) {
    assert.throws(() => evaluateJsonPath(template, list), /Cannot use jsonpath/, template);
  }
});
