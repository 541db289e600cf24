// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluateJsonpath } from "./jsonpath.ts";

const list = {
  items: [
    { metadata: { name: "a", labels: { "app.kubernetes.io/name": "x" } }, status: { podIP: "10.0.0.1" } },
    { metadata: { name: "b" }, status: { podIP: "10.0.0.2", ready: true } },
  ],
  ports: [{ name: "we]b", port: 80 }, { port: 443 }, { port: 8080 }],
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
  ["{.ports[0]}", '{"name":"we]b","port":80}'],
  [".items[0:1].metadata.name", "a"],
  ["{..podIP}", "10.0.0.1 10.0.0.2"],
  ['{.items[?(@.metadata.name=="b")].status.podIP}', "10.0.0.2"],
  ["{.items[?(@.metadata.name == 'b')].status.podIP}", "10.0.0.2"],
  ['{.items[?(@.metadata.name!="b")].status.podIP}', "10.0.0.1"],
  ["{.items[?(@.status.ready)].metadata.name}", "b"],
  ["{.items[?(@.status.ready==true)].metadata.name}", "b"],
  ["{.items[?(@.status.ready==1)].metadata.name}", ""],
  ['{.items[?(@.metadata.labels["app.kubernetes.io/name"]=="x")].metadata.name}', "a"],
  ["{.ports[?(@.port>=443)].port}", "443 8080"],
  ["{.ports[?(@.port < 443)].name}", "we]b"],
  ["{.ports[?(@.name=='we]b')].port}", "80"],
  ['{range .ports[?(@.port>80)]}{.port}{"\\n"}{end}', "443\n8080\n"],
  ["{.ports[0,2].port}", "80 8080"],
  ["{.ports[0]['name','port']}", "we]b 80"],
  ["{.ports[0:3:2].port}", "80 8080"],
  ["{.ports[::2].port}", "80 8080"],
  ["{.items[*].status['podIP']}", "10.0.0.1 10.0.0.2"],
  ["{range .items[*]}{$.items[0].metadata.name}{.metadata.name} {end}", "aa ab "],
] as const) {
  test(`evaluateJsonpath() fills ${template}`, () => assert.equal(evaluateJsonpath(template, list), expected));
}

test("evaluateJsonpath() refuses what it cannot read", () => {
  for (const template of [
    "{.items[?(.a)]}",
    "{.a[?(@.b=~'x')]}",
    "{.a[?(@.b==x)]}",
    "{.a[",
    "{.a[0}",
    "{.a[]}",
    "{range .a[*]}x",
    "{end}",
    "{.a",
  ]) {
    assert.throws(() => evaluateJsonpath(template, list), /Cannot use jsonpath/, template);
  }
});
