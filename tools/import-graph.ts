// SPDX-License-Identifier: Apache-2.0
// What a source file imports, and which folder of the architecture it belongs to.

import { posix } from "node:path";
import { APP_LAYER, FREE_ROOTS, LAYERS } from "./layers.ts";

/** One import: the text in the quotes, and its line (from 1). */
export interface Import {
  readonly specifier: string;
  readonly line: number;
}

const STATEMENT = /^[ \t]*(?:import|export)\b[^"'`;=()]*?\bfrom\s*["']([^"']+)["']/gm;
const BARE = /^[ \t]*import\s*["']([^"']+)["']/gm;
const CALL = /\bimport\(\s*["']([^"']+)["']\s*\)/g;
/** The names between braces would hide `from` from STATEMENT if they held these characters; types in calls do too. */
const REQUIRE = /\brequire\(\s*["']([^"']+)["']\s*\)/g;

/** All static and dynamic imports and re-exports of a TypeScript file, type-only ones included. */
export function findImports(source: string): readonly Import[] {
  const code = blankComments(source);
  const found: Import[] = [];
  for (const pattern of [STATEMENT, BARE, CALL, REQUIRE]) {
    for (const match of code.matchAll(pattern)) {
      const at = match.index + match[0].lastIndexOf(match[1] ?? "");
      found.push({ specifier: match[1] ?? "", line: code.slice(0, at).split("\n").length });
    }
  }
  return found.sort((a, b) => a.line - b.line);
}

/** The folder that a path belongs to: `src/core`, `apps/agent`, `tools`; undefined for other places. */
export function folderOf(path: string): string | undefined {
  const [first = "", second] = path.split("/");
  if (FREE_ROOTS.includes(first)) return first;
  if ((first === "src" || first === "apps") && second !== undefined) return `${first}/${second}`;
  return undefined;
}

/** The layer of a folder; infinity for those outside the layers; undefined for an unknown one. */
export function layerOf(folder: string): number | undefined {
  if (FREE_ROOTS.includes(folder)) return Number.POSITIVE_INFINITY;
  return folder.startsWith("apps/") ? APP_LAYER : LAYERS.get(folder);
}

/** The path, from the root, that a relative import means. */
export function resolveImport(importer: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(importer), specifier));
}

/** The package of a bare import: `pino`, `@bufbuild/protobuf`. */
export function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Replaces comments by blanks (lines stay where they are); strings keep their text. */
function blankComments(source: string): string {
  const token = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(token, (text) => {
    if (text.startsWith("`")) return text.replace(/[^\n`]/g, " ");
    return text.startsWith("/") ? text.replace(/[^\n]/g, " ") : text;
  });
}
