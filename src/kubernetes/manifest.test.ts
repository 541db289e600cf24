// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManifestParseError, parseManifests } from "./manifest.ts";

const pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: {app: x}\n";

test("parseManifests() reads several documents, defaults the namespace and unfolds lists", () => {
  const list = `{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Namespace, metadata: {name: n}}]}`;
  const rows = parseManifests(`${pod}---\n\n---\n${list}\n`, "x.yaml");
  assert.deepEqual(
    rows.map((row) => [row.id, row.origin]),
    [
      ["Pod/default/a", "x.yaml, document 1"],
      ["Namespace//n", "x.yaml, document 3, item 0"],
    ],
  );
});

for (const [what, text, message] of [
  ["broken YAML", "a: [", /^Cannot parse x.yaml, document 1, line 1/],
  ["a second broken document", `${pod}---\na: {`, /document 2/],
  ["a scalar", "hello", /document is "hello", expected an object/],
  ["a missing kind", "apiVersion: v1\nmetadata: {name: a}", /kind is nothing, expected a non-empty string/],
  ["a bad name", "apiVersion: v1\nkind: Pod\nmetadata: {name: ../x}", /metadata.name is "..\/x", expected a DNS name/],
  [
    "a numeric label",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {v: 1}}",
    /labels\["v"\] is 1, expected a string/,
  ],
  ["the same object twice", `${pod}---\n${pod}`, /"Pod\/default\/a" is there twice/],
] as const) {
  test(`parseManifests() refuses ${what}`, () => {
    assert.throws(
      () => parseManifests(text, "x.yaml"),
      (error) => {
        assert.ok(error instanceof ManifestParseError);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test("threats: parseManifests() does not expand a bomb of aliases", () => {
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (let i = 1; i < 9; i++) {
    const [from, to] = [String.fromCharCode(96 + i), String.fromCharCode(97 + i)];
    bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(",")}]`);
  }
  assert.throws(() => parseManifests(bomb.join("\n"), "x.yaml"), ManifestParseError);
});
