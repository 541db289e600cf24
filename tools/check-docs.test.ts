// SPDX-License-Identifier: Apache-2.0
// The check of documents on small checkouts made for it.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { checkDocs } from "./check-docs.ts";
import { LAYERS } from "./layers.ts";

const folders = [...LAYERS.keys()];

/** Messages, with their places, for a checkout with these files beside what each has. */
function check(files: Readonly<Record<string, string | undefined>>): string[] {
  const root = mkdtempSync(join(tmpdir(), "check-docs-"));
  const base = {
    ...Object.fromEntries(folders.map((folder) => [`${folder}/README.md`, "# A folder\n"])),
    "apps/agent/README.md": "# The agent\n",
    "src/core/table.ts": "",
    "src/core/sub/deep.ts": "",
    "ARCHITECTURE.md": `${folders.join(" ")} apps/agent\n`,
    "docs/dependencies.md": "| `clang` | compiles |\n",
    "tools/run.sh": "packages=(\n  clang\n)\n",
  };
  try {
    for (const [path, text] of Object.entries({ ...base, ...files })) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      if (text !== undefined) writeFileSync(join(root, path), text);
    }
    return checkDocs(root).map(({ path, line, message }) => `${path}:${line}: ${message}`);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("documents may name files by path, by their end below their folder, with stars, and those that stand for many", () => {
  const text = "`src/core/table.ts` `table.ts` `deep.ts` `tab*.ts` `src/core/sub/` `NAME.ts` `policy/` `endpoint.json`";
  assert.deepEqual(check({ "src/core/README.md": `${text} [a](table.ts) [b](https://a.b/c) [d](#e)\n` }), []);
});

test("files and folders that are not there are told with their line", () => {
  const text = "# Core\n`gone.ts`, `src/core/gone/`\n[there](../gone.md#part)\n";
  const gone = (line: number, name: string) =>
    `src/core/README.md:${line}: Cannot find "${name}" (write the name that it has now)`;
  assert.deepEqual(check({ "src/core/README.md": text }), [
    gone(2, "gone.ts"),
    gone(2, "src/core/gone/"),
    gone(3, "../gone.md"),
  ]);
});

test("a file of another folder needs its path", () => {
  assert.equal(check({ "src/kernel/README.md": "`table.ts`\n" }).length, 1);
});

test("what was may be told by the change log alone", () => {
  assert.deepEqual(check({ "CHANGELOG.md": "`gone.ts`\n" }), []);
});

test("a new folder needs a README.md and its layer in ARCHITECTURE.md", () => {
  assert.deepEqual(check({ "apps/fresh/main.ts": "" }), [
    'ARCHITECTURE.md:1: Cannot find folder "apps/fresh" (give it its layer)',
    'apps/fresh:1: Cannot find "README.md" (say what the folder is for)',
  ]);
});

test("a Debian package of the set-up needs a line in the list of dependencies", () => {
  const found = check({ "tools/run.sh": "packages=(\n  clang curl\n)\nvm_packages=(kmod)\n" });
  assert.deepEqual(
    found.map((line) => /package "(\w+)"/.exec(line)?.[1]),
    ["curl", "kmod"],
  );
});
