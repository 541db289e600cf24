// SPDX-License-Identifier: Apache-2.0
// Reads what apply and remove were given: files, folders, stdin. All of it is right, or none of it is used.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseManifests, type ResourceRow } from "../../../src/kubernetes/index.ts";
import { SandboxError } from "../errors.ts";
import { listFolder } from "../files.ts";
import { kindOf, kinds } from "./kinds.ts";

/** Objects of all inputs, in order. Throws for the first file, document or field that is wrong. */
export function readInputs(inputs: readonly string[]): ResourceRow[] {
  const rows = inputs.flatMap(expand).flatMap((file) => checkManifests(readInput(file), file === "-" ? "stdin" : file));
  if (rows.length === 0) {
    throw new SandboxError(
      `Cannot use ${inputs.join(", ")}: no objects in it, expected manifests (*.yaml, *.yml, *.json)`,
    );
  }
  const seen = new Map<string, ResourceRow>();
  for (const row of rows) {
    const first = seen.get(row.id);
    if (first !== undefined) {
      throw new SandboxError(`Cannot use ${row.origin}: "${row.id}" is in ${first.origin} already, expected it once`);
    }
    seen.set(row.id, row);
  }
  return rows;
}

/** Parses and checks the text of one file. */
export function checkManifests(text: string, file: string): ResourceRow[] {
  const rows = parseManifests(text, file);
  for (const row of rows) {
    const kind = kindOf(row.kind);
    if (kind === undefined) {
      const known = kinds.map(({ kind }) => kind).join(", ");
      throw new SandboxError(`Cannot use ${row.origin}: kind is "${row.kind}", expected one of ${known}`);
    }
    if (!kind.apiVersions.includes(row.apiVersion)) {
      const expected = kind.apiVersions.join(" or ");
      throw new SandboxError(
        `Cannot use ${row.origin}: apiVersion is "${row.apiVersion}", expected ${expected} for a ${row.kind}`,
      );
    }
    kind.check(row);
  }
  return rows;
}

function expand(input: string): string[] {
  if (input === "-") return ["-"];
  const info = statSync(input, { throwIfNoEntry: false });
  if (info === undefined) throw new SandboxError(`Cannot read "${input}": ENOENT (no such file or folder)`);
  if (!info.isDirectory()) return [input];
  return listFolder(input)
    .filter((name) => /\.(ya?ml|json)$/.test(name) && !name.startsWith("."))
    .map((name) => join(input, name));
}

function readInput(file: string): string {
  return readFileSync(file === "-" ? 0 : file, "utf8");
}
