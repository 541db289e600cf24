// SPDX-License-Identifier: Apache-2.0
// Making selectors: canonical order, canonical text.
import type { Requirement, Selector } from "../types.ts";

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
