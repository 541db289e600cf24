// SPDX-License-Identifier: Apache-2.0
// Fails on documents that name files which are not there, and on folders and packages that no document names.

import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Problem } from "./layer-rules.ts";
import { LAYERS } from "./layers.ts";

/** Names of sources, as documents write them: `src/core/table.ts`, `table*.ts`; `NAME.ts` stands for many. */
const SOURCE = /^(?!.*[A-Z]{2}.*\.(?!md$))[\w.*-]+(?:\/[\w.*-]+)*\.(?:ts|c|h|cjs|proto|sh|md)$/;
/** Folders by their path from the root; others are made while something runs. */
const FOLDER = /^(?:src|apps|bpf|tests|tools|docs|benchmarks|examples)\/[\w/*-]+$/;
const ROOTS = ["src", "apps", "bpf", "tests", "tools", "docs", "benchmarks", "examples"];
/** Tells what was and is no more. */
const HISTORY = "CHANGELOG.md";

if (import.meta.main) {
  const problems = checkDocs(process.argv[2] ?? join(import.meta.dirname, ".."));
  for (const { path, line, message } of problems) console.error(`${path}:${line}: ${message}`);
  if (problems.length > 0) console.error(`Error: ${problems.length} places in documents are not true`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

/** All problems of a checkout's documents. */
export function checkDocs(root: string): readonly Problem[] {
  const files = findFiles(root);
  const documents = files.filter((path) => path.endsWith(".md") && path !== HISTORY);
  return [
    ...documents.flatMap((path) => checkDocument(root, path, files)),
    ...checkFolders(root),
    ...checkPackages(root),
  ];
}

function findFiles(root: string): readonly string[] {
  const below = ROOTS.flatMap((folder) =>
    globSync(`${folder}/**/*`, { cwd: root, exclude: ["**/node_modules/**", "**/testdata/**"] }),
  );
  return [...readdirSync(root).filter((name) => name.endsWith(".md")), ...below].sort();
}

/** Links, and names of sources in backticks. */
function checkDocument(root: string, path: string, files: readonly string[]): Problem[] {
  const lines = readFileSync(join(root, path), "utf8").split("\n");
  return lines.flatMap((text, index) => {
    const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target = ""]) => target);
    const broken = links.filter((target) => !/^\w+:/.test(target) && !existsSync(join(root, dirname(path), target)));
    const names = [...text.matchAll(/`([^`]+)`/g)]
      .map(([, name = ""]) => name)
      .filter((name) => SOURCE.test(name) || FOLDER.test(name));
    const missing = names.filter((name) => !isThere(name, dirname(path), files));
    return [...broken, ...missing].map((name) => ({
      ...{ path, line: index + 1 },
      message: `Cannot find "${name}" (write the name that it has now)`,
    }));
  });
}

/** A path from the root or from the document's folder, or the end of one anywhere below that folder. */
function isThere(name: string, folder: string, files: readonly string[]): boolean {
  const end = new RegExp(`(?:^|/)${globPattern(name.replace(/\/$/, ""))}$`);
  const below = folder === "." ? "" : `${folder}/`;
  return files.some((path) => end.test(path) && (path.startsWith(below) || new RegExp(`^${end.source}`).test(path)));
}

function globPattern(name: string): string {
  return name
    .replaceAll(".", "\\.")
    .replaceAll("**", ".+")
    .replace(/(?<!\.)\*/g, "[^/]*");
}

/** Each domain has a README.md, and a place in ARCHITECTURE.md. */
function checkFolders(root: string): Problem[] {
  const domains = ["src", "apps"].flatMap((parent) =>
    readdirSync(join(root, parent), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${parent}/${name}`),
  );
  const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const unnamed = domains.filter((folder) => !new RegExp(`\\b${basename(folder)}\\b`).test(text));
  const silent = domains.filter((folder) => !existsSync(join(root, folder, "README.md")));
  const gone = [...LAYERS.keys()].filter((folder) => !domains.includes(folder));
  const problem = (path: string, message: string) => ({ path, line: 1, message });
  return [
    ...unnamed.map((folder) => problem("ARCHITECTURE.md", `Cannot find folder "${folder}" (give it its layer)`)),
    ...silent.map((folder) => problem(folder, 'Cannot find "README.md" (say what the folder is for)')),
    ...gone.map((folder) => problem("tools/layers.ts", `Cannot find folder "${folder}" (take its line away)`)),
  ];
}

/** Debian packages that set-up installs are in the list of dependencies. */
function checkPackages(root: string): Problem[] {
  const script = readFileSync(join(root, "tools/run.sh"), "utf8");
  const arrays = [...script.matchAll(/^\w*packages=\(([^)]*)\)/gm)].flatMap(([, names = ""]) => names.split(/\s+/));
  const list = readFileSync(join(root, "docs/dependencies.md"), "utf8");
  const missing = arrays.filter((name) => name !== "" && !list.includes(`\`${name}\``));
  return missing.map((name) => ({
    ...{ path: "docs/dependencies.md", line: 1 },
    message: `Cannot find Debian package "${name}" of tools/run.sh (say what it is for)`,
  }));
}
