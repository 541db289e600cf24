// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluateJsonpath } from "./jsonpath.ts";

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
  [".items[0:1].metadata.name", "a"],
  ["{..podIP}", "10.0.0.1 10.0.0.2"],
  ["{range .items[*]}{$.items[0].metadata.name}{.metadata.name} {end}", "aa ab "],
] as const) {
  test(`evaluateJsonpath() fills ${template}`, () => assert.equal(evaluateJsonpath(template, list), expected));
}

test("evaluateJsonpath() refuses what it cannot read", () => {
  for (const template of ["{.items[?(@.a)]}", "{range .items[*]}x", "{end}", "{.a"]) {
    assert.throws(() => evaluateJsonpath(template, list), /Cannot use jsonpath/, template);
  }
});
