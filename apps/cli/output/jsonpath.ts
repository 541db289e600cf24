// SPDX-License-Identifier: Apache-2.0
// The common part of kubectl's jsonpath templates: text with `{…}` parts; in them fields, indexes, slices and wildcards.
import { UsageError } from "../errors.ts";

type Step =
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "slice"; readonly from: number | undefined; readonly to: number | undefined }
  | { readonly kind: "all" }
  | { readonly kind: "descend" };

type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "path"; readonly steps: readonly Step[] };

/** Evaluates a template. What is missing gives nothing; several values are put side by side with spaces. */
export function evaluateJsonpath(template: string, value: unknown): string {
  return parseTemplate(template)
    .map((part) => (part.kind === "text" ? part.text : follow(value, part.steps).map(show).join(" ")))
    .join("");
}

/** Throws UsageError for templates outside the supported part. */
export function parseTemplate(template: string): readonly Part[] {
  if (/^[.[$]/.test(template)) return [{ kind: "path", steps: parseSteps(template, template) }];
  const parts: Part[] = [];
  let rest = template;
  while (rest !== "") {
    const open = rest.indexOf("{");
    const text = open < 0 ? rest : rest.slice(0, open);
    if (text !== "") parts.push({ kind: "text", text });
    if (open < 0) break;
    const close = closingBrace(rest, open);
    if (close < 0) throw bad(template, 'a "{" is not closed');
    parts.push(parseExpression(rest.slice(open + 1, close).trim(), template));
    rest = rest.slice(close + 1);
  }
  return parts;
}

/** The brace that ends an expression, not one inside quotes. */
function closingBrace(text: string, open: number): number {
  let quote = "";
  for (let i = open; i < text.length; i++) {
    const character = text.charAt(i);
    if (quote !== "") {
      if (character === "\\") i++;
      else if (character === quote) quote = "";
    } else if (character === '"' || character === "'") quote = character;
    else if (character === "}") return i;
  }
  return -1;
}

function parseExpression(expression: string, template: string): Part {
  const literal = /^"((?:[^"\\]|\\.)*)"$/s.exec(expression) ?? /^'((?:[^'\\]|\\.)*)'$/s.exec(expression);
  if (literal !== null) return { kind: "text", text: unquote(literal[1] ?? "") };
  return { kind: "path", steps: parseSteps(expression, template) };
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

function unquote(text: string): string {
  return text.replaceAll(/\\(.)/gs, (_, character: string) => escapes[character] ?? character);
}

function parseSteps(expression: string, template: string): readonly Step[] {
  const steps: Step[] = [];
  let rest = expression.replace(/^[$@]/, "");
  if (rest === ".") return steps;
  while (rest !== "") {
    const [step, length] = nextStep(rest, template);
    if (step !== undefined) steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

function nextStep(rest: string, template: string): [Step | undefined, number] {
  if (rest.startsWith("..")) return [{ kind: "descend" }, rest.charAt(2) === "[" ? 2 : 1];
  if (rest.startsWith("[")) return bracketStep(rest, template);
  if (rest.startsWith(".[")) return [undefined, 1];
  if (rest.startsWith(".*")) return [{ kind: "all" }, 2];
  const field = /^\.?((?:[^.[\]{}\\\s]|\\.)+)/s.exec(rest);
  if (field === null) throw bad(template, `cannot read "${rest}"`);
  return [{ kind: "field", name: (field[1] ?? "").replaceAll(/\\(.)/gs, "$1") }, field[0].length];
}

function bracketStep(rest: string, template: string): [Step, number] {
  const quoted = /^\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]/s.exec(rest);
  if (quoted !== null) return [{ kind: "field", name: unquote(quoted[1] ?? quoted[2] ?? "") }, quoted[0].length];
  const all = /^\[\s*\*\s*\]/.exec(rest);
  if (all !== null) return [{ kind: "all" }, all[0].length];
  const index = /^\[\s*(-?\d{1,9})\s*\]/.exec(rest);
  if (index !== null) return [{ kind: "index", index: Number(index[1]) }, index[0].length];
  const slice = /^\[\s*(-?\d{1,9})?\s*:\s*(-?\d{1,9})?\s*\]/.exec(rest);
  if (slice !== null) {
    const bound = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
    return [{ kind: "slice", from: bound(slice[1]), to: bound(slice[2]) }, slice[0].length];
  }
  throw bad(template, `"${rest}" is not supported (fields, [N], [N:M], [*], ['name'] and ..name are)`);
}

function follow(root: unknown, steps: readonly Step[]): unknown[] {
  let values: unknown[] = [root];
  for (const step of steps) values = values.flatMap((value) => apply(value, step));
  return values;
}

function apply(value: unknown, step: Step): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  switch (step.kind) {
    case "field":
      return Object.hasOwn(value, step.name) ? [(value as Record<string, unknown>)[step.name]] : [];
    case "index": {
      const item: unknown = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case "slice":
      return Array.isArray(value) ? value.slice(step.from, step.to) : [];
    case "all":
      return Object.values(value);
    case "descend":
      return descendants(value);
  }
}

function descendants(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(descendants)];
}

function show(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : JSON.stringify(value);
}

function bad(template: string, reason: string): UsageError {
  return new UsageError(`Cannot read jsonpath "${template}": ${reason}`);
}
