// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { replaceFile } from "./replace-file.ts";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "replace-file-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

for (const options of [{}, { durable: true }, { shared: true }, { durable: true, shared: true }]) {
  test(`replaceFile() ${JSON.stringify(options)} replaces all of the content, and leaves nothing beside it`, (t) => {
    const path = join(folder(t), "a.json");
    replaceFile(path, "long content", options);
    replaceFile(path, Buffer.from("short"), options);
    assert.equal(readFileSync(path, "utf8"), "short");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(join(path, "..")), ["a.json"]);
  });
}

test("replaceFile() gives a new file the mode that is asked for", (t) => {
  const path = join(folder(t), "a.json");
  replaceFile(path, "", { mode: 0o640 });
  assert.equal(statSync(path).mode & 0o777, 0o640);
});

test("who has the old file open reads the old content on", (t) => {
  const path = join(folder(t), "a.json");
  replaceFile(path, "old");
  const reader = openSync(path, "r");
  try {
    replaceFile(path, "new");
    assert.equal(readFileSync(reader, "utf8"), "old");
  } finally {
    closeSync(reader);
  }
});

test("what cannot be put in its place leaves no part behind", (t) => {
  const path = join(folder(t), "a.json");
  mkdirSync(join(path, "not-empty"), { recursive: true });
  assert.throws(() => replaceFile(path, "text"), /EISDIR/);
  assert.deepEqual(readdirSync(join(path, "..")), ["a.json"]);
  assert.throws(() => replaceFile(join(path, "missing/b.json"), "text"), /ENOENT/);
});
