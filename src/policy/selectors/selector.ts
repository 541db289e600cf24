// SPDX-License-Identifier: Apache-2.0
// Making selectors: canonical order, canonical text.
import { formatCidr } from "../../core/index.ts";
import type { NameCondition, PrefixCondition, Requirement, Selector } from "../types.ts";

/** A selector of requirements in any order; duplicates fall together. */
export function makeSelector(requirements: Iterable<Requirement>): Selector {
  const byText = new Map<string, Requirement>();
  for (const requirement of requirements) {
    const values = [...new Set(requirement.values)].sort();
    const canonical = { ...requirement, values };
    byText.set(formatExpression(canonical), canonical);
  }
  const sorted = [...byText].sort(([a], [b]) => (a < b ? -1 : 1));
  const labels = new Map<string, string>();
  const expressions: string[] = [];
  for (const [text, { source, key, operator, values }] of sorted) {
    const name = `${source}.${key}`;
    const [value, second] = values;
    if (operator === "In" && value !== undefined && second === undefined && !labels.has(name)) labels.set(name, value);
    else expressions.push(text);
  }
  const matchLabels = [...labels].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}: ${value},`);
  return {
    text:
      `&LabelSelector{MatchLabels:map[string]string{${matchLabels.join("")}},` +
      `MatchExpressions:[]LabelSelectorRequirement{${expressions.join("")}},}`,
    requirements: sorted.map(([, requirement]) => requirement),
  };
}

/** A selector of addresses; its text is `10.0.0.0/8`, with exceptions `10.0.0.0/8-[10.96.0.0/12,…]`. */
export function makePrefixSelector(prefix: PrefixCondition): Selector {
  const except = prefix.except.map(formatCidr);
  const text = `${formatCidr(prefix.cidr)}${except.length === 0 ? "" : `-[${except.join(",")}]`}`;
  return { text, requirements: [], prefix };
}

/** A selector of the addresses of a DNS name; its text is `MatchName: a.example, MatchPattern: `. */
export function makeNameSelector(fqdn: NameCondition): Selector {
  const name = "matchName" in fqdn ? fqdn.matchName : "";
  const pattern = "matchPattern" in fqdn ? fqdn.matchPattern : "";
  return { text: `MatchName: ${name}, MatchPattern: ${pattern}`, requirements: [], fqdn };
}

/** `org in (alliance, empire)`, `!debug`, `any` left out: a requirement for people. */
export function formatRequirement({ source, key, operator, values }: Requirement): string {
  const name = source === "any" ? key : `${source}:${key}`;
  if (operator === "Exists") return name;
  if (operator === "DoesNotExist") return `!${name}`;
  if (operator === "In" && values.length === 1) return `${name}=${values[0]}`;
  return `${name} ${operator === "In" ? "in" : "notin"} (${values.join(", ")})`;
}

function formatExpression({ source, key, operator, values }: Requirement): string {
  return `LabelSelectorRequirement{Key:${source}.${key},Operator:${operator},Values:[${values.join(" ")}],},`;
}
