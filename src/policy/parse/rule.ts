// SPDX-License-Identifier: Apache-2.0
// One spec: a subject and its rules in both directions.
import { type Direction, type DirectionRule, directions, type Rule, type RuleLabel } from "../types.ts";
import { parseDirectionRule } from "./direction.ts";
import type { DocumentNode } from "./node.ts";
import { type PolicyScope, scopeSubject } from "./scope.ts";
import { parseSelector } from "./selector.ts";

const fields = {
  supported: ["endpointSelector", "ingress", "egress", "description", "labels", "enableDefaultDeny"],
  unsupported: ["ingressDeny", "egressDeny", "log"],
};

/** Reads a spec. `prefix` stands before sections: empty for `spec`, `specs[n].` for the others. */
export function parseRule(node: DocumentNode, prefix: string, scope: PolicyScope): Rule {
  const subject = node.field("endpointSelector");
  refuseNodeSelector(node, subject);
  node.checkFields(fields);
  if (!subject.present) throw subject.fail("no-subject", "a selector ({} for all pods of the namespace)");
  const rules = {
    ingress: parseRules(node, "ingress", prefix, scope),
    egress: parseRules(node, "egress", prefix, scope),
  };
  if (rules.ingress.length + rules.egress.length === 0) {
    throw node.failWith("no-rules", `${node.pathText} has no rule, expected ingress or egress with at least one`);
  }
  const description = node.field("description");
  return {
    path: node.pathText,
    subject: scopeSubject(parseSelector(subject), scope),
    subjectKind: "endpoint",
    tier: "normal",
    priority: 0,
    ...rules,
    defaultDeny: parseDefaultDeny(node.field("enableDefaultDeny")),
    ...(description.present ? { description: description.string() } : {}),
    labels: parseLabels(node.field("labels")),
  };
}

function refuseNodeSelector(node: DocumentNode, subject: DocumentNode): void {
  const nodeSelector = node.field("nodeSelector");
  if (!nodeSelector.present) return;
  if (subject.present) {
    throw node.failWith("two-subjects", `${node.pathText} has endpointSelector and nodeSelector, expected one of them`);
  }
  const problem = `Field "${nodeSelector.pathText}" is not allowed in a namespaced policy (use a CiliumClusterwideNetworkPolicy)`;
  throw nodeSelector.failWith("node-selector-namespaced", problem);
}

function parseRules(
  node: DocumentNode,
  direction: Direction,
  prefix: string,
  scope: PolicyScope,
): readonly DirectionRule[] {
  const list = node.field(direction);
  if (!list.present) return [];
  return list
    .items()
    .map((item, index) => parseDirectionRule(item, direction, `${prefix}${direction}[${index}]`, scope));
}

function parseDefaultDeny(node: DocumentNode): Readonly<Record<Direction, boolean>> {
  if (!node.present) return { ingress: true, egress: true };
  node.checkFields({ supported: directions });
  const read = (direction: Direction) => !node.field(direction).present || node.field(direction).boolean();
  return { ingress: read("ingress"), egress: read("egress") };
}

function parseLabels(node: DocumentNode): readonly RuleLabel[] {
  if (!node.present) return [];
  return node.items().map((item) => {
    item.checkFields({ supported: ["key", "value", "source"] });
    const text = (name: string) => (item.field(name).present ? item.field(name).string() : "");
    return { source: text("source"), key: item.field("key").string(), value: text("value") };
  });
}
