// SPDX-License-Identifier: Apache-2.0
// The condition of `[?(…)]`: whether a path leads anywhere, or how two values compare, as kubectl has it.
import { FormatError } from "./errors.ts";
import { follow, type JsonpathStep, unquote } from "./jsonpath-steps.ts";

/** A path from the item that is looked at, or a value that was written down. */
type Operand =
  | { readonly kind: "path"; readonly steps: readonly JsonpathStep[] }
  | { readonly kind: "value"; readonly value: string | number | boolean };

/** Without an operator: the left side exists. */
export interface JsonpathFilter {
  readonly left: Operand;
  readonly operator?: keyof typeof operators;
  readonly right?: Operand;
}

type Comparable = string | number | boolean;

const operators = {
  "==": (a: Comparable, b: Comparable) => a === b,
  "!=": (a: Comparable, b: Comparable) => a !== b,
  "<=": (a: Comparable, b: Comparable) => a <= b,
  ">=": (a: Comparable, b: Comparable) => a >= b,
  "<": (a: Comparable, b: Comparable) => a < b,
  ">": (a: Comparable, b: Comparable) => a > b,
} as const;

/** Reads `@.a == "x"` or `@.a`. Throws FormatError. */
export function parseFilter(text: string, parsePath: (path: string) => readonly JsonpathStep[]): JsonpathFilter {
  const quoted = /(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^'"=!<>])+/.source;
  const parts = new RegExp(`^(${quoted})(?:(==|!=|<=|>=|<|>)(${quoted}))?$`, "s").exec(text);
  if (parts === null)
    throw new FormatError(`Cannot use jsonpath filter "${text}": expected [?(@.a)] or [?(@.a == "x")]`);
  const operand = (part: string): Operand => parseOperand(part.trim(), text, parsePath);
  const left = operand(parts[1] ?? "");
  const operator = parts[2] as keyof typeof operators | undefined;
  return operator === undefined ? { left } : { left, operator, right: operand(parts[3] ?? "") };
}

function parseOperand(text: string, filter: string, parsePath: (path: string) => readonly JsonpathStep[]): Operand {
  if (text.startsWith("@")) return { kind: "path", steps: parsePath(text) };
  const quoted = /^(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")$/s.exec(text);
  if (quoted !== null) return { kind: "value", value: unquote(quoted[1] ?? quoted[2] ?? "") };
  if (text === "true" || text === "false") return { kind: "value", value: text === "true" };
  if (/^-?\d+(\.\d+)?$/.test(text)) return { kind: "value", value: Number(text) };
  throw new FormatError(
    `Cannot use jsonpath filter "${filter}": "${text}" is no @-path, quoted text, number or boolean`,
  );
}

/** Values of other kinds than the one they are compared with are unequal to it, and neither less nor greater. */
export function matchesFilter(item: unknown, { left, operator, right }: JsonpathFilter): boolean {
  const values = valuesOf(item, left);
  if (operator === undefined || right === undefined) return values.length > 0;
  const others = valuesOf(item, right);
  if (values.length === 0 || others.length === 0) return false;
  return values.some((a) =>
    others.some((b) => {
      if (!isComparable(a) || !isComparable(b)) return false;
      return typeof a === typeof b ? operators[operator](a, b) : operator === "!=";
    }),
  );
}

function valuesOf(item: unknown, operand: Operand): readonly unknown[] {
  return operand.kind === "path" ? follow(item, operand.steps) : [operand.value];
}

function isComparable(value: unknown): value is Comparable {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}
