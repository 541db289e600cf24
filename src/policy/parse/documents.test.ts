// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePolicyDocuments } from "./documents.ts";

const good = (name: string) => `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: ${name}
spec:
  endpointSelector:
    matchLabels: {app: web}
  ingress:
    - toPorts:
        - ports:
            - port: "80"
`;

test("parsePolicyDocuments() reads several documents and skips empty ones", () => {
  const found = parsePolicyDocuments(`---\n${good("a")}---\n# nothing\n---\n${good("b")}`, "p.yaml");
  assert.deepEqual(
    found.map(({ policy, origin }) => [policy.name, origin]),
    [
      ["a", "p.yaml, document 1"],
      ["b", "p.yaml, document 3"],
    ],
  );
  assert.equal(found[0]?.resource.kind, "CiliumNetworkPolicy");
});

test("parsePolicyDocuments() reads JSON, lists and List objects", () => {
  const [resource] = parsePolicyDocuments(good("a"), "p").map((item) => item.resource);
  for (const text of [resource, [resource], { kind: "List", apiVersion: "v1", items: [resource] }]) {
    assert.equal(parsePolicyDocuments(JSON.stringify(text), "p.json")[0]?.policy.name, "a");
  }
});

test("errors name file, document and line", () => {
  const bad = `${good("a")}---\n${good("b").replace('"80"', '"70000"')}`;
  assert.throws(() => parsePolicyDocuments(bad, "p.yaml"), {
    message:
      'Cannot use policy "default/b" (p.yaml, document 2, line 23): spec.ingress[0].toPorts[0].ports[0].port is "70000", expected a number 0-65535 or an IANA service name',
  });
  const missing = good("a").replace("  endpointSelector:\n    matchLabels: {app: web}\n", "");
  assert.throws(() => parsePolicyDocuments(missing, "p.yaml"), /line 5\): spec\.endpointSelector is missing/);
  const list = `kind: List\nitems:\n${good("a").replace("ingress", "ingres").replaceAll(/^/gm, "    ").replace("    apiVersion", "  - apiVersion")}`;
  assert.throws(() => parsePolicyDocuments(list, "p.yaml"), /document 1, line 10\): Field "spec\.ingres" is unknown/);
});

test("text that is no YAML is refused with its line", () => {
  assert.throws(
    () => parsePolicyDocuments("a: b\nc: [1,\nd: }", "p.yaml"),
    /p\.yaml, document 1, line \d\): not valid YAML: /,
  );
  assert.throws(
    () => parsePolicyDocuments("a: 1\na: 2", "p.yaml"),
    /line 2\): not valid YAML: Map keys must be unique/,
  );
});

test("threats: documents that grow through aliases are refused", () => {
  let text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (let level = 1; level < 9; level++) {
    text += `a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(", ")}]\n`;
  }
  assert.throws(() => parsePolicyDocuments(text, "p.yaml"), /not usable YAML: /);
});
