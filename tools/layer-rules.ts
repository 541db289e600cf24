// SPDX-License-Identifier: Apache-2.0
// The rules of check-layers, on one file at a time.

import { isBuiltin } from "node:module";
import type { Dependencies } from "./dependency-list.ts";
import { findImports, folderOf, type Import, layerOf, packageOf, resolveImport } from "./import-graph.ts";
import { FFI, MAX_C_FUNCTION, MAX_LINES, SIDEWAYS } from "./layers.ts";

/** A file by its path from the root. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** What is wrong, and where. */
export interface Problem {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** What the rules depend on beside the layer table. */
export interface Rules {
  readonly dependencies: Dependencies;
}

/** Problems of one file. */
export function checkFile(file: SourceFile, rules: Rules): readonly Problem[] {
  const problems = checkLength(file);
  if (!file.path.endsWith(".ts")) return [...problems, ...checkCFunctions(file)];
  const imports = findImports(file.text).flatMap((item): Problem[] => {
    const message = item.specifier.startsWith(".")
      ? checkRelative(file.path, item)
      : checkBare(file.path, item.specifier, rules.dependencies);
    return message === undefined ? [] : [{ path: file.path, line: item.line, message }];
  });
  return [...problems, ...imports];
}

function checkRelative(importer: string, { specifier }: Import): string | undefined {
  const target = resolveImport(importer, specifier);
  const from = folderOf(importer);
  const to = folderOf(target);
  if (from === undefined || to === undefined) {
    return target.startsWith("build/") ? `Cannot import "${specifier}": built files are no sources` : undefined;
  }
  if (from === to) return undefined;
  const fromLayer = layerOf(from);
  const toLayer = layerOf(to);
  if (fromLayer === undefined) return `Cannot place folder "${from}": not in tools/layers.ts`;
  if (toLayer === undefined) return `Cannot place folder "${to}": not in tools/layers.ts`;
  if (toLayer > fromLayer) return `Cannot import "${specifier}": ${to} is above ${from} (imports go only downwards)`;
  if (toLayer === fromLayer && fromLayer !== Number.POSITIVE_INFINITY && SIDEWAYS.get(from)?.includes(to) !== true) {
    return `Cannot import "${specifier}": no edge ${from} → ${to} in tools/layers.ts (both are on layer ${toLayer})`;
  }
  return isDoor(importer, target, to)
    ? undefined
    : `Cannot import "${specifier}": past the door (import ${to}/index.ts)`;
}

/** A folder's index.ts; for tests also its testing.ts; free folders and generated code have no door. */
function isDoor(importer: string, target: string, folder: string): boolean {
  if (layerOf(folder) === Number.POSITIVE_INFINITY || target === `${folder}/index.ts`) return true;
  if (target.startsWith("src/protos/gen/") || (folder === "src/abi" && target.endsWith(".gen.ts"))) return true;
  if (folder === "src/abi" && importer.startsWith("tools/abi-gen")) return true; // the generator of its codecs
  const test = importer.endsWith(".test.ts") || importer.endsWith("/testing.ts") || importer.startsWith("tests/");
  return test && (target === `${folder}/testing.ts` || target.endsWith(".conformance.ts"));
}

function checkBare(importer: string, specifier: string, dependencies: Dependencies): string | undefined {
  if (isBuiltin(specifier)) {
    return specifier.startsWith("node:") ? undefined : `Cannot import "${specifier}": write "node:${specifier}"`;
  }
  const name = packageOf(specifier);
  if (name === FFI.package && folderOf(importer) !== FFI.folder) {
    return `Cannot import "${name}": only ${FFI.folder} calls foreign functions`;
  }
  const folders = dependencies.get(name);
  if (folders === undefined) return `Cannot import "${name}": not in docs/dependencies.md`;
  if (folders.some((folder) => importer.startsWith(`${folder}/`))) return undefined;
  return `Cannot import "${name}": docs/dependencies.md allows it in ${folders.join(", ")}`;
}

function checkLength({ path, text }: SourceFile): Problem[] {
  const lines = text.split("\n").length - 1;
  const limit = path.endsWith(".ts") ? MAX_LINES.ts : MAX_LINES.c;
  if (lines <= limit || text.includes("check-layers-ignore length:")) return [];
  return [{ path, line: limit + 1, message: `Cannot accept ${lines} lines: ${limit} is the limit (split the file)` }];
}

/** Functions begin at the left edge and end with a brace there, as the C style has it. */
function checkCFunctions({ path, text }: SourceFile): Problem[] {
  const problems: Problem[] = [];
  const lines = text.split("\n");
  let start = -1;
  let entry = false;
  for (const [i, line] of lines.entries()) {
    if (start < 0 && /^[A-Za-z_]/.test(line) && !/^(?:struct|union|enum|typedef|extern)\b[^(]*$/.test(line)) {
      start = i;
      entry = /^SEC\("(?!\.|license|maps)/.test(line);
    }
    if (start >= 0 && (line.endsWith(";") || line === "") && !lines.slice(start, i + 1).some((l) => l.endsWith("{"))) {
      start = -1; // a declaration
    }
    if (start >= 0 && /^\}/.test(line)) {
      const length = i - start + 1;
      const limit = entry ? MAX_C_FUNCTION.entry : MAX_C_FUNCTION.helper;
      if (line === "}" && length > limit) {
        const what = entry ? "a program entry" : "a helper";
        problems.push({
          path,
          line: start + 1,
          message: `Cannot accept ${what} of ${length} lines: ${limit} is the limit`,
        });
      }
      start = -1;
    }
  }
  return problems;
}
