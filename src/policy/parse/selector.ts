// SPDX-License-Identifier: Apache-2.0
// Label selectors: matchLabels and matchExpressions, with source prefixes in keys.
import type { Requirement } from "../types.ts";
import type { DocumentNode } from "./node.ts";

const operators = ["In", "NotIn", "Exists", "DoesNotExist"] as const;
const namePattern = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const prefixPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const sourcePattern = /^[A-Za-z0-9]+$/;
const keyHelp = "a label key ([SOURCE:][PREFIX/]NAME of letters, digits, -, _ and .)";
const valueHelp = "a label value (at most 63 letters, digits, -, _ and ., letter or digit at both ends)";

/** Both parts of a selector; all requirements of both must hold. */
export interface ParsedSelector {
  readonly matchLabels: readonly Requirement[];
  readonly matchExpressions: readonly Requirement[];
}

/** Reads a selector. `{}` has no requirements and selects everything; null and lists are refused. */
export function parseSelector(node: DocumentNode): ParsedSelector {
  node.checkFields(["matchLabels", "matchExpressions"]);
  const labels = node.field("matchLabels");
  const expressions = node.field("matchExpressions");
  return {
    matchLabels: labels.present ? labels.entries().map(([key, value]) => parseMatchLabel(key, value)) : [],
    matchExpressions: expressions.optionalItems().map(parseExpression),
  };
}

function parseMatchLabel(text: string, node: DocumentNode): Requirement {
  return { ...parseKey(text, node), operator: "In", values: [parseValue(node)] };
}

function parseExpression(node: DocumentNode): Requirement {
  node.checkFields(["key", "operator", "values"]);
  const keyNode = node.field("key");
  const key = parseKey(keyNode.string("bad-selector"), keyNode);
  const operatorNode = node.field("operator");
  const text = operatorNode.string("bad-selector");
  const operator = operators.find((known) => known === text);
  if (operator === undefined) throw operatorNode.fail("bad-selector", `one of ${operators.join(", ")}`);
  const valuesNode = node.field("values");
  const values = valuesNode.optionalItems().map(parseValue);
  const takesValues = operator === "In" || operator === "NotIn";
  if (takesValues && values.length === 0) throw valuesNode.fail("bad-selector", `at least one value for ${operator}`);
  if (!takesValues && values.length > 0) throw valuesNode.fail("bad-selector", `no values for ${operator}`);
  return { ...key, operator, values };
}

/** `k8s:app` has source `k8s`, `app` has `any`. */
function parseKey(text: string, node: DocumentNode): { source: string; key: string } {
  const colon = text.indexOf(":");
  const source = colon < 0 ? "any" : text.slice(0, colon);
  const key = text.slice(colon + 1);
  const slash = key.indexOf("/");
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  const goodPrefix = prefix === undefined || (prefix.length <= 253 && prefixPattern.test(prefix));
  if (!sourcePattern.test(source) || !goodPrefix || name.length > 63 || !namePattern.test(name)) {
    throw node.failWith("bad-selector", `${node.pathText} has the key ${JSON.stringify(text)}, expected ${keyHelp}`);
  }
  return { source, key };
}

function parseValue(node: DocumentNode): string {
  const value = node.string("bad-selector");
  if (value !== "" && (value.length > 63 || !namePattern.test(value))) throw node.fail("bad-selector", valueHelp);
  return value;
}
