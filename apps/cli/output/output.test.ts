// SPDX-License-Identifier: Apache-2.0
// Columns, jsonpath and the neutralising of text.
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluateJsonpath, FormatError } from "../../../src/core/index.ts";
import { UsageError } from "../errors.ts";
import { neutralise, neutraliseCell, neutraliseJson, neutraliseLine } from "./escape.ts";
import { formatStructured, parseOutputFormat } from "./structured.ts";
import { alignLines, alignTable } from "./table.ts";

test("alignLines() makes columns of runs, as tabwriter does", () => {
  const lines = alignLines([
    ["KVStore:", "Ok", "etcd"],
    ["Cilium:", "Ok   1.20"],
    ["A", "Disabled", "x"],
    ["B", "y", "z"],
  ]);
  assert.deepEqual(lines, [
    "KVStore:   Ok   etcd",
    "Cilium:    Ok   1.20",
    "A          Disabled   x",
    "B          y          z",
  ]);
});

test("alignTable() fills rows up, keeps a minimal width and trims the ends", () => {
  assert.deepEqual(
    alignTable(
      [["ID", "LABELS"]],
      [
        ["1", "a"],
        ["", "b"],
      ],
    ),
    ["ID   LABELS", "1    a", "     b"],
  );
  assert.deepEqual(alignTable(undefined, []), []);
  assert.deepEqual(alignTable(undefined, [["é\n", "x"]]), ["é\\n   x"]);
});

test("neutralise() shows what would steer a terminal", () => {
  assert.equal(neutralise("a\u001b[31mb\u009bc\u007f\u202e\td\n"), "a\\x1b[31mb\\x9bc\\x7f\\u202e\td\n");
  assert.equal(neutraliseLine("a\tb\nc"), "a\tb\\nc");
  assert.equal(neutraliseCell("a\tb\nc"), "a\\tb\\nc");
  assert.equal(JSON.parse(neutraliseJson(JSON.stringify("\u009b\u202e"))), "\u009b\u202e");
});

const document = {
  revision: 3,
  items: [
    { name: "a", tags: ["x", "y"], "k8s:app": "web" },
    { name: "b", tags: ["z"] },
  ],
  nested: { deep: { name: "c" } },
};

test("evaluateJsonpath() follows kubectl's common templates", () => {
  const cases: Readonly<Record<string, string>> = {
    "{.revision}": "3",
    ".revision": "3",
    "{$.revision}": "3",
    "revision={.revision}, {.nested.deep.name}": "revision=3, c",
    "{.items[0].name}": "a",
    "{.items[-1].name}": "b",
    "{.items[*].name}": "a b",
    "{.items[0:1].name}": "a",
    "{.items[*].tags[0]}": "x z",
    "{.items[0]['k8s:app']}": "web",
    "{.items[0].k8s:app}": "web",
    '{.items[0].name}{"\\n"}{.items[1].name}': "a\nb",
    "{.nested}": '{"deep":{"name":"c"}}',
    "{..name}": "a b c",
    "{.missing.field}": "",
    "{.items[9].name}": "",
    "{}": JSON.stringify(document),
    "{.constructor}": "",
  };
  for (const [template, expected] of Object.entries(cases)) {
    assert.equal(evaluateJsonpath(template, document), expected, template);
  }
});

test("evaluateJsonpath() refuses what it does not know", () => {
  for (const template of ["{.a", "{.a[?(@.b==c)]}", "{.a[1,b]}", "{range .a}", "{.a[}"]) {
    assert.throws(() => evaluateJsonpath(template, {}), FormatError, template);
  }
});

test("parseOutputFormat() and formatStructured() know json, yaml and jsonpath", async () => {
  assert.deepEqual(parseOutputFormat(undefined), { kind: "text" });
  assert.throws(() => parseOutputFormat("jsonpath={.a"), UsageError);
  assert.throws(() => parseOutputFormat("wide"), /expected json, yaml or jsonpath=TEMPLATE/);
  assert.deepEqual(parseOutputFormat("jsonpath='{.a}'"), { kind: "jsonpath", template: "{.a}" });
  const value = { a: 12n, b: 2n ** 60n };
  assert.equal(await formatStructured({ kind: "json" }, value), '{\n  "a": 12,\n  "b": "1152921504606846976"\n}\n');
  assert.equal(await formatStructured({ kind: "yaml" }, { a: 12n }), "a: 12\n");
  assert.equal(await formatStructured({ kind: "jsonpath", template: "{.a}" }, value), "12\n");
});
