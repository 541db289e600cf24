// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels, parseCidr } from "../../core/index.ts";
import type { NameCondition, SelectorOperator } from "../types.ts";
import { cidrLabel, cidrOfLabelKey, fqdnLabel } from "./addresses.ts";
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

test("a prefix holds for identities of prefixes inside of it, not of its exceptions, and for nobody else", () => {
  const prefix = { cidr: parseCidr("10.0.0.0/8"), except: [parseCidr("10.96.0.0/12")] };
  const holds = (...texts: string[]) => matchesSelector({ text: "", requirements: [], prefix }, Labels.parse(texts));
  assert.equal(holds("cidr:10.0.0.0/8", "reserved:world-ipv4"), true);
  assert.equal(holds("cidr:10.200.1.1/32"), true);
  assert.equal(holds("cidr:10.96.0.0/12"), false);
  assert.equal(holds("cidr:10.97.3.0/24"), false);
  assert.equal(holds("cidr:10.96.0.0/11"), true, "a prefix around an exception is not the exception");
  assert.equal(holds("cidr:0.0.0.0/0"), false);
  assert.equal(holds("cidr:a00--0/8"), false);
  assert.equal(holds("k8s:app=web", "reserved:world-ipv4"), false);
});

test("a name holds for identities with its label alone", () => {
  const holds = (fqdn: NameCondition, ...texts: string[]) =>
    matchesSelector({ text: "", requirements: [], fqdn }, Labels.parse(texts));
  assert.equal(holds({ matchName: "a.example" }, "fqdn:a.example", "fqdn:*.example"), true);
  assert.equal(holds({ matchPattern: "*.example" }, "fqdn:a.example", "fqdn:*.example"), true);
  assert.equal(holds({ matchPattern: "*.example" }, "fqdn:a.example"), false);
  assert.equal(holds({ matchName: "a.example" }, "k8s:a.example", "reserved:world"), false);
  assert.equal(holds({ matchName: "" }, "fqdn:a.example"), false, "the root's name is nobody's");
});

test("labels of prefixes have no colon in their key and are read back", () => {
  for (const [text, key] of [
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["::/0", "0--0/0"],
    ["fd00::/64", "fd00--0/64"],
    ["::1/128", "0--1/128"],
  ] as const) {
    assert.equal(cidrLabel(parseCidr(text)).key, key);
    assert.deepEqual(cidrOfLabelKey(key), parseCidr(text));
  }
  assert.deepEqual(fqdnLabel({ matchPattern: "*.example" }), { source: "fqdn", key: "*.example", value: "" });
});
