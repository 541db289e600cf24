// SPDX-License-Identifier: Apache-2.0
// kubectl's jsonpath templates, as far as scripts use them: text, {.a.b[0]["c"][*]}, {"\n"}, {range …}…{end}.
import { badJsonpath, follow, type JsonpathStep, parseSteps, unquote } from "./jsonpath-steps.ts";

type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "path"; readonly steps: readonly JsonpathStep[]; readonly absolute: boolean }
  | { readonly kind: "range"; readonly steps: readonly JsonpathStep[]; readonly body: readonly Part[] };

/** Deepest nesting of ranges. */
const maxRanges = 32;

/** A template that was read. */
export type JsonpathTemplate = readonly Part[];

/** Evaluates a template. What is missing gives nothing; several values are put side by side with spaces. */
export function evaluateJsonpath(template: string, value: unknown): string {
  return evaluate(parseJsonpath(template), value, value);
}

/** Reads a template; a bare path needs no braces. Throws FormatError for what is not supported. */
export function parseJsonpath(template: string): JsonpathTemplate {
  if (/^[.[$]/.test(template)) return [toPath(template, template)];
  const expressions = splitTemplate(template);
  const { parts, next } = parseParts(expressions, 0, template, 0);
  if (next < expressions.length) throw badJsonpath(template, "{end} without {range}");
  return parts;
}

function evaluate(parts: readonly Part[], root: unknown, current: unknown): string {
  return parts
    .map((part) => {
      if (part.kind === "text") return part.text;
      if (part.kind === "path")
        return follow(part.absolute ? root : current, part.steps)
          .map(show)
          .join(" ");
      return follow(current, part.steps)
        .map((item) => evaluate(part.body, root, item))
        .join("");
    })
    .join("");
}

/** Texts as they are, expressions with their opening brace. */
function splitTemplate(template: string): string[] {
  const parts: string[] = [];
  let rest = template;
  while (rest !== "") {
    const open = rest.indexOf("{");
    if (open !== 0) parts.push(rest.slice(0, open < 0 ? undefined : open));
    if (open < 0) break;
    const close = closingBrace(rest, open);
    if (close < 0) throw badJsonpath(template, 'a "{" is not closed');
    parts.push(`{${rest.slice(open + 1, close).trim()}`);
    rest = rest.slice(close + 1);
  }
  return parts;
}

function parseParts(texts: readonly string[], from: number, template: string, depth: number) {
  if (depth > maxRanges) throw badJsonpath(template, `more than ${maxRanges} {range} within each other`);
  const parts: Part[] = [];
  let next = from;
  while (next < texts.length) {
    const text = texts[next] ?? "";
    if (text === "{end") return { parts, next };
    next++;
    if (!text.startsWith("{range ")) {
      parts.push(parsePart(text, template));
      continue;
    }
    const inner = parseParts(texts, next, template, depth + 1);
    parts.push({ kind: "range", steps: parseSteps(text.slice(7).trim(), template), body: inner.parts });
    next = inner.next + 1;
  }
  if (depth > 0) throw badJsonpath(template, "{range} without {end}");
  return { parts, next };
}

function parsePart(text: string, template: string): Part {
  if (!text.startsWith("{")) return { kind: "text", text };
  const expression = text.slice(1);
  const literal = /^"((?:[^"\\]|\\.)*)"$/s.exec(expression) ?? /^'((?:[^'\\]|\\.)*)'$/s.exec(expression);
  return literal === null ? toPath(expression, template) : { kind: "text", text: unquote(literal[1] ?? "") };
}

function toPath(expression: string, template: string): Part {
  return { kind: "path", steps: parseSteps(expression, template), absolute: expression.startsWith("$") };
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

function show(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : JSON.stringify(value);
}
