// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../core/index.ts";
import type { SelectorOperator } from "../types.ts";
import { matchesRequirement, matchesSelector } from "./match.ts";
import { formatRequirement, makeSelector } from "./selector.ts";

const labels = Labels.parse(["k8s:app=web", "container:app=db", "k8s:debug="]);
const match = (source: string, key: string, operator: SelectorOperator, ...values: string[]) =>
  matchesRequirement({ source, key, operator, values }, labels);

test("In and NotIn are each other's reverse", () => {
  assert.equal(match("any", "app", "In", "web", "x"), true);
  assert.equal(match("any", "app", "In", "db"), true);
  assert.equal(match("k8s", "app", "In", "db"), false);
  assert.equal(match("any", "app", "In", "x"), false);
  assert.equal(match("any", "app", "NotIn", "db"), false);
  assert.equal(match("k8s", "app", "NotIn", "db"), true);
});

test("NotIn and DoesNotExist hold where the key is missing", () => {
  assert.equal(match("any", "nokey", "NotIn", "x"), true);
  assert.equal(match("any", "nokey", "DoesNotExist"), true);
  assert.equal(match("any", "nokey", "In", ""), false);
  assert.equal(match("any", "nokey", "Exists"), false);
});

test("an empty value is a value", () => {
  assert.equal(match("any", "debug", "In", ""), true);
  assert.equal(match("any", "debug", "Exists"), true);
  assert.equal(match("any", "debug", "DoesNotExist"), false);
});

test("makeSelector() gives equal selectors equal text, in the form of `policy selectors`", () => {
  const app = { source: "any", key: "app", operator: "In", values: ["web"] } as const;
  const tiers = { source: "k8s", key: "tier", operator: "NotIn", values: ["b", "a", "b"] } as const;
  const one = makeSelector([app, tiers, app]);
  assert.equal(one.text, makeSelector([{ ...tiers, values: ["a", "b"] }, app]).text);
  assert.equal(
    one.text,
    "&LabelSelector{MatchLabels:map[string]string{any.app: web,}," +
      "MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k8s.tier,Operator:NotIn,Values:[a b],},},}",
  );
  assert.equal(one.requirements.length, 2);
});

test("makeSelector() keeps requirements on one key apart", () => {
  const both = makeSelector(
    ["web", "db"].map((value) => ({ source: "any", key: "app", operator: "In", values: [value] })),
  );
  assert.equal(both.requirements.length, 2);
  assert.equal(matchesSelector(both, Labels.parse(["k8s:app=web"])), false);
  assert.notEqual(both.text, makeSelector([both.requirements[0] ?? assert.fail()]).text);
});

test("formatRequirement() is short", () => {
  const format = (source: string, operator: SelectorOperator, ...values: string[]) =>
    formatRequirement({ source, key: "app", operator, values });
  assert.equal(format("any", "In", "web"), "app=web");
  assert.equal(format("k8s", "In", "a", "b"), "k8s:app in (a, b)");
  assert.equal(format("any", "NotIn", "a"), "app notin (a)");
  assert.equal(format("any", "Exists"), "app");
  assert.equal(format("any", "DoesNotExist"), "!app");
});
