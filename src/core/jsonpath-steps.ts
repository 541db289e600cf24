// SPDX-License-Identifier: Apache-2.0
// The path inside one expression of a jsonpath template: fields, indexes, slices, unions, filters, wildcards, descent.
import { FormatError } from "./errors.ts";
import { type JsonpathFilter, matchesFilter, parseFilter } from "./jsonpath-filter.ts";
import { oneLine } from "./one-line.ts";

export type JsonpathStep =
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "index"; readonly index: number }
  | {
      readonly kind: "slice";
      readonly from: number | undefined;
      readonly to: number | undefined;
      /** Every how many; 1 or more. */
      readonly step: number;
    }
  | { readonly kind: "union"; readonly steps: readonly JsonpathStep[] }
  | { readonly kind: "filter"; readonly filter: JsonpathFilter }
  | { readonly kind: "all" }
  | { readonly kind: "descend" };

/** Longest path, and most values that it may lead to: each `..` multiplies them. */
const maxSteps = 64;
const maxValues = 1_000_000;

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

/** Undoes backslash escapes. */
export function unquote(text: string): string {
  return text.replaceAll(/\\(.)/gs, (_, character: string) => escapes[character] ?? character);
}

/** Throws FormatError for what is not supported. */
export function parseSteps(expression: string, template: string): readonly JsonpathStep[] {
  const steps: JsonpathStep[] = [];
  let rest = expression.replace(/^[$@]/, "");
  if (rest === ".") return steps;
  while (rest !== "") {
    const [step, length] = nextStep(rest, template);
    if (step !== undefined) steps.push(step);
    if (steps.length > maxSteps) throw badJsonpath(template, `a path of more than ${maxSteps} steps`);
    rest = rest.slice(length);
  }
  return steps;
}

function nextStep(rest: string, template: string): [JsonpathStep | undefined, number] {
  if (rest.startsWith("..")) return [{ kind: "descend" }, rest.charAt(2) === "[" ? 2 : 1];
  if (rest.startsWith("[")) return bracketStep(rest, template);
  if (rest.startsWith(".[")) return [undefined, 1];
  if (rest.startsWith(".*")) return [{ kind: "all" }, 2];
  const field = /^\.?((?:[^.[\]{}\\\s]|\\.)+)/s.exec(rest);
  if (field === null) throw badJsonpath(template, `cannot read "${rest}"`);
  return [{ kind: "field", name: (field[1] ?? "").replaceAll(/\\(.)/gs, "$1") }, field[0].length];
}

function bracketStep(rest: string, template: string): [JsonpathStep, number] {
  const length = closingBracket(rest) + 1;
  const inside = rest.slice(1, length - 1).trim();
  const filter = /^\?\s*\((.*)\)$/s.exec(inside);
  if (length > 0 && filter !== null) {
    return [{ kind: "filter", filter: parseFilter(filter[1] ?? "", (path) => parseSteps(path, template)) }, length];
  }
  const items = length === 0 ? [undefined] : splitUnion(inside).map(bracketItem);
  const steps = items.filter((item) => item !== undefined);
  const [first] = steps;
  if (steps.length < items.length || first === undefined) {
    throw badJsonpath(template, `"${rest}" is not supported (fields, [N], [N:M], [N,M], [*], ['name'], [?(@.a)] are)`);
  }
  return [steps.length === 1 ? first : { kind: "union", steps }, length];
}

/** One item of what stands in brackets. */
function bracketItem(text: string): JsonpathStep | undefined {
  const quoted = /^(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")$/s.exec(text);
  if (quoted !== null) return { kind: "field", name: unquote(quoted[1] ?? quoted[2] ?? "") };
  if (text === "*") return { kind: "all" };
  if (/^-?\d{1,9}$/.test(text)) return { kind: "index", index: Number(text) };
  const slice = /^(-?\d{1,9})?\s*:\s*(-?\d{1,9})?\s*(?::\s*([1-9]\d{0,8})?)?$/.exec(text);
  if (slice === null) return undefined;
  const bound = (digits: string | undefined): number | undefined => (digits === undefined ? undefined : Number(digits));
  return { kind: "slice", from: bound(slice[1]), to: bound(slice[2]), step: bound(slice[3]) ?? 1 };
}

/** Where the bracket that `text` begins with is closed, not counting those in quotes; -1: nowhere. */
function closingBracket(text: string): number {
  let depth = 0;
  for (const { index, 0: token } of text.matchAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[[\]]/gs)) {
    if (token === "[") depth++;
    else if (token === "]" && --depth === 0) return index;
  }
  return -1;
}

/** The parts between commas that are not in quotes. */
function splitUnion(text: string): string[] {
  return (text.match(/(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,])+/gs) ?? []).map((part) => part.trim());
}

/** The values that a path leads to; what is missing gives none. */
export function follow(root: unknown, steps: readonly JsonpathStep[]): unknown[] {
  let values: unknown[] = [root];
  for (const step of steps) {
    values = values.flatMap((value) => apply(value, step));
    if (values.length > maxValues)
      throw new FormatError(`Cannot use jsonpath: it leads to more than ${maxValues} values`);
  }
  return values;
}

function apply(value: unknown, step: JsonpathStep): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  switch (step.kind) {
    case "field":
      return Object.hasOwn(value, step.name) ? [(value as Record<string, unknown>)[step.name]] : [];
    case "index": {
      const item: unknown = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case "slice":
      return Array.isArray(value) ? value.slice(step.from, step.to).filter((_, i) => i % step.step === 0) : [];
    case "union":
      return step.steps.flatMap((item) => apply(value, item));
    case "filter":
      return Object.values(value).filter((item) => matchesFilter(item, step.filter));
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

/** The error of a template that cannot be used. */
export function badJsonpath(template: string, reason: string): FormatError {
  return new FormatError(oneLine(`Cannot use jsonpath "${oneLine(template, 200)}": ${reason}`));
}
