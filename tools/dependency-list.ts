// SPDX-License-Identifier: Apache-2.0
// Reads the allow-list of npm packages in docs/dependencies.md, the only place that says who may import what.

import type { Problem } from "./layer-rules.ts";

/** Package to the folders that may import it; none for tools that are only run. */
export type Dependencies = ReadonlyMap<string, readonly string[]>;

const PATH = "docs/dependencies.md";
/** `| package | folders or "run only" | reason |` below the heading of npm packages. */
const ROW = /^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$/;

/** The packages of the list. */
export function parseDependencyList(text: string): Dependencies {
  return new Map(rows(text).map(({ name, folders }) => [name, folders]));
}

/** Packages of package.json that the list lacks, and the other way round. */
export function checkDependencyList(text: string, packageJson: string): readonly Problem[] {
  const manifest: { dependencies?: Record<string, string>; devDependencies?: Record<string, string> } =
    JSON.parse(packageJson);
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies };
  const listed = new Map(rows(text).map((row) => [row.name, row]));
  const missing = Object.keys(wanted).filter((name) => !listed.has(name));
  const stale = [...listed.values()].filter(({ name }) => wanted[name] === undefined);
  return [
    ...missing.map((name) => ({
      path: PATH,
      line: 1,
      message: `Cannot find "${name}" of package.json (say why it is here)`,
    })),
    ...stale.map(({ name, line }) => ({ path: PATH, line, message: `Cannot find "${name}" in package.json` })),
  ];
}

interface Row {
  readonly name: string;
  readonly folders: readonly string[];
  readonly line: number;
}

function rows(text: string): Row[] {
  const found: Row[] = [];
  let inside = false;
  for (const [i, line] of text.split("\n").entries()) {
    if (line.startsWith("## ")) inside = line.includes("npm");
    const match = inside ? ROW.exec(line) : null;
    if (match === null) continue;
    const [, name = "", where = ""] = match;
    found.push({ name, folders: [...where.matchAll(/`([^`]+)`/g)].map(([, folder = ""]) => folder), line: i + 1 });
  }
  return found;
}
