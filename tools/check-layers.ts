// SPDX-License-Identifier: Apache-2.0
// Fails on imports that the architecture does not allow, and on files and C functions that are too long.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkDependencyList, parseDependencyList } from "./dependency-list.ts";
import { checkFile, type Problem, type Rules, type SourceFile } from "./layer-rules.ts";

const ROOTS = ["src", "apps", "tools", "tests", "benchmarks", "examples", "bpf"];

if (import.meta.main) {
  const root = process.argv[2] ?? join(import.meta.dirname, "..");
  const problems = checkTree(root);
  for (const { path, line, message } of problems) console.error(`${path}:${line}: ${message}`);
  if (problems.length > 0)
    console.error(`Error: ${problems.length} places break the architecture (see ARCHITECTURE.md)`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

/** All problems of a checkout, in order of path. */
export function checkTree(root: string): readonly Problem[] {
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  const list = read("docs/dependencies.md");
  const rules: Rules = { dependencies: parseDependencyList(list) };
  const files = ROOTS.flatMap((folder) => findSources(root, folder)).sort();
  return [
    ...checkDependencyList(list, read("package.json")),
    ...files.flatMap((path) => checkFile({ path, text: read(path) } satisfies SourceFile, rules)),
  ];
}

function findSources(root: string, folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  } catch {
    return []; // a folder that this checkout does not have
  }
  return names
    .filter((name) => /\.(?:ts|c|h)$/.test(name) && !name.includes("node_modules/") && !name.includes("testdata/"))
    .filter((name) => !name.endsWith(".gen.ts") && !`${folder}/${name}`.startsWith("src/protos/gen/"))
    .map((name) => `${folder}/${name}`);
}
