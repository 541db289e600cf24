// SPDX-License-Identifier: Apache-2.0
// The forms of -o: json, yaml, jsonpath=TEMPLATE; without it a table.
import { stringify } from "yaml";
import { evaluateJsonpath, toError } from "../../src/core/index.ts";
import { SandboxError } from "./errors.ts";

/** The value in the form that was asked for, or the lines of the table. */
export function render(output: string | undefined, value: unknown, table: () => readonly string[]): string {
  if (output === undefined || output === "table" || output === "wide") return `${table().join("\n")}\n`;
  if (output === "json") return `${JSON.stringify(value, null, 2)}\n`;
  if (output === "yaml") return stringify(value, { aliasDuplicateObjects: false });
  const template = /^jsonpath=(.*)$/s.exec(output)?.[1];
  if (template === undefined) throw new SandboxError(usage(output), { exitCode: 2 });
  try {
    return `${evaluateJsonpath(template, value)}\n`;
  } catch (error) {
    throw new SandboxError(toError(error).message, { exitCode: 2 });
  }
}

const usage = (output: string): string =>
  `Cannot print "-o ${output}": no such form, expected json, yaml, table or jsonpath=TEMPLATE`;
