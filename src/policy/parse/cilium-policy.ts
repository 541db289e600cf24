// SPDX-License-Identifier: Apache-2.0
// CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy: a spec, or several specs.
import type { Rule } from "../types.ts";
import { checkIcmpTypes } from "./icmp.ts";
import type { PolicyKind } from "./kind.ts";
import type { DocumentNode } from "./node.ts";
import type { SpecScope } from "./options.ts";
import { parseRule } from "./rule.ts";

export const ciliumNetworkPolicy: PolicyKind = {
  kind: "CiliumNetworkPolicy",
  apiVersions: ["cilium.io/v2"],
  namespaced: true,
  fields: ["spec", "specs"],
  parse: parseSpecs,
};

export const ciliumClusterwideNetworkPolicy: PolicyKind = {
  ...ciliumNetworkPolicy,
  kind: "CiliumClusterwideNetworkPolicy",
  namespaced: false,
};

function parseSpecs(node: DocumentNode, scope: SpecScope): readonly Rule[] {
  const spec = node.field("spec");
  const specs = node.field("specs");
  // As in Cilium, an empty list of specs is a policy that says nothing.
  if (!spec.present && !specs.present) {
    throw node.failWith("no-spec", "the policy has no spec, expected spec or specs");
  }
  const several = specs.optionalItems();
  // Cilium finds bad ICMP types while it decodes, before it looks at anything else.
  for (const item of [spec, ...several]) checkIcmpTypes(item);
  const rules: Rule[] = [];
  if (spec.present) rules.push(parseRule(spec, "", scope));
  for (const [index, item] of several.entries()) {
    rules.push(parseRule(item, `specs[${index}].`, scope));
  }
  return rules;
}
