// SPDX-License-Identifier: Apache-2.0
// One spec: a subject and its rules in both directions. Checks come in Cilium's order, which decides the reason.
import { type DirectionRule, directions, type Rule, type RuleLabel, type Selector } from "../types.ts";
import { parseDirectionRules } from "./direction.ts";
import type { DocumentNode } from "./node.ts";
import type { SpecScope } from "./options.ts";
import { type PolicyScope, scopeSubject } from "./scope.ts";
import { parseSelector } from "./selector.ts";

const lists = ["ingress", "ingressDeny", "egress", "egressDeny"] as const;
const subjects = ["endpointSelector", "nodeSelector"] as const;
const fields = [...subjects, ...lists, "description", "labels", "enableDefaultDeny", "log"];

interface Subject {
  readonly selector: Selector;
  readonly kind: Rule["subjectKind"];
  readonly scope: PolicyScope;
}

/** Reads a spec. `prefix` stands before sections: empty for `spec`, `specs[n].` for the others. */
export function parseRule(node: DocumentNode, prefix: string, outer: SpecScope): Rule {
  node.checkFields(fields);
  if (!lists.some((name) => node.field(name).present && node.field(name).items().length > 0)) {
    throw node.failWith("no-rules", `${node.pathText} has no rule, expected at least one in ${lists.join(", ")}`);
  }
  const { selector, kind, scope } = parseSubject(node, outer);
  const parse = (name: (typeof lists)[number]): readonly DirectionRule[] =>
    parseDirectionRules(node.field(name), name, { prefix, scope, hostPolicy: kind === "node" });
  const rules = {
    ingress: [...parse("ingress"), ...parse("ingressDeny")],
    egress: [...parse("egress"), ...parse("egressDeny")],
  };
  const nodeSelector = node.field("nodeSelector");
  if (nodeSelector.present && outer.namespace !== "") {
    const problem = `Field "${nodeSelector.pathText}" is not allowed in a namespaced policy (use a CiliumClusterwideNetworkPolicy)`;
    throw nodeSelector.failWith("node-selector-namespaced", problem);
  }
  return {
    path: node.pathText,
    subject: selector,
    subjectKind: kind,
    tier: "normal",
    priority: 0,
    ...rules,
    defaultDeny: parseDefaultDeny(node.field("enableDefaultDeny")),
    ...parseTexts(node),
    labels: parseLabels(node.field("labels")),
  };
}

function parseSubject(node: DocumentNode, outer: SpecScope): Subject {
  const [endpoint, host] = [node.field("endpointSelector"), node.field("nodeSelector")];
  if (!endpoint.present && !host.present) {
    throw endpoint.fail("no-subject", "a selector ({} for all pods of the namespace)");
  }
  if (endpoint.present && host.present) {
    throw node.failWith("two-subjects", `${node.pathText} has endpointSelector and nodeSelector, expected one of them`);
  }
  const parsed = parseSelector(endpoint.present ? endpoint : host);
  const requirements = [...parsed.matchLabels, ...parsed.matchExpressions];
  const selectsInit = requirements.some(({ source, key }) => source === "reserved" && key === "init");
  const scope: PolicyScope = { ...outer, selectsInit };
  return {
    selector: scopeSubject(parsed, endpoint.present ? outer : { namespace: "" }),
    kind: endpoint.present ? "endpoint" : "node",
    scope,
  };
}

function parseDefaultDeny(node: DocumentNode): Rule["defaultDeny"] {
  if (!node.present) return { ingress: true, egress: true };
  node.checkFields(directions);
  const read = (name: string) => !node.field(name).present || node.field(name).boolean();
  return { ingress: read("ingress"), egress: read("egress") };
}

function parseTexts(node: DocumentNode): Pick<Rule, "description" | "log"> {
  const [description, log] = [node.field("description"), node.field("log")];
  if (log.present) log.checkFields(["value"]);
  const value = log.field("value");
  return {
    ...(description.present ? { description: description.string() } : {}),
    ...(value.present ? { log: value.string() } : {}),
  };
}

/** Each an object, or a string `[SOURCE:]KEY[=VALUE]`. */
function parseLabels(node: DocumentNode): readonly RuleLabel[] {
  if (!node.present) return [];
  return node.items().map((item) => {
    if (typeof item.value === "string") return parseShortLabel(item.value, item);
    item.checkFields(["key", "value", "source"]);
    const text = (name: string) => (item.field(name).present ? item.field(name).string() : "");
    const key = item.field("key");
    if (key.string() === "") throw key.fail("bad-type", "a label key");
    return { source: text("source"), key: key.string(), value: text("value") };
  });
}

function parseShortLabel(text: string, node: DocumentNode): RuleLabel {
  const [, source = "", key = "", value = ""] = /^(?:([^:=]*):)?([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
  if (key === "") throw node.fail("bad-type", "[SOURCE:]KEY[=VALUE]");
  return { source, key, value };
}
