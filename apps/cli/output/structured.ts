// SPDX-License-Identifier: Apache-2.0
// `-o json|yaml|jsonpath=…`: the same value in the form that was asked for.
import { evaluateJsonpath, parseJsonpath, toError } from "../../../src/core/index.ts";
import { UsageError } from "../errors.ts";
import { isDangerous, neutralise, neutraliseJson } from "./escape.ts";

export type OutputFormat =
  | { readonly kind: "text" }
  | { readonly kind: "json" }
  | { readonly kind: "yaml" }
  | { readonly kind: "jsonpath"; readonly template: string };

/** Reads the value of `-o`; undefined and `table` are text. Throws UsageError. */
export function parseOutputFormat(text: string | undefined): OutputFormat {
  if (text === undefined || text === "" || text === "table") return { kind: "text" };
  if (text === "json" || text === "yaml") return { kind: text };
  const template = /^jsonpath=(.+)$/s.exec(text)?.[1];
  if (template === undefined) {
    throw new UsageError(`Cannot use output format "${text}": unknown (expected json, yaml or jsonpath=TEMPLATE)`);
  }
  const unquoted = /^'(.*)'$/s.exec(template)?.[1] ?? template;
  try {
    parseJsonpath(unquoted);
  } catch (error) {
    throw new UsageError(toError(error).message);
  }
  return { kind: "jsonpath", template: unquoted };
}

/** The text of a value; ends with a newline. Big numbers are written as numbers where JSON can hold them. */
export async function formatStructured(
  format: Exclude<OutputFormat, { kind: "text" }>,
  value: unknown,
): Promise<string> {
  const json = JSON.stringify(value, plainNumbers, 2) ?? "null";
  if (format.kind === "json") return `${neutraliseJson(json)}\n`;
  const plain: unknown = JSON.parse(json);
  if (format.kind === "jsonpath") return `${neutralise(evaluateJsonpath(format.template, plain))}\n`;
  const { stringify } = await import("yaml");
  const text = stringify(plain, { lineWidth: 0 });
  // JSON is YAML too, and can hold such characters without writing them.
  return isDangerous(text) ? `${neutraliseJson(json)}\n` : text;
}

function plainNumbers(_key: string, value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
}
