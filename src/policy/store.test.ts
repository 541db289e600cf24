// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PolicyStore } from "./store.ts";

test("imports that cannot be kept fail; cookies that cannot be kept do not, and are kept when they can", () => {
  const folder = mkdtempSync(join(tmpdir(), "policy-store-"));
  try {
    const store = new PolicyStore(folder);
    // A folder of that name takes no file.
    const inTheWay = ["policy-imported.json", "policy-cookies.json"].map((name) => join(folder, `.${name}.tmp`));
    for (const path of inTheWay) mkdirSync(path);
    const cookies = { next: 17, cookies: [] };
    assert.throws(() => store.saveImported([]), /EISDIR/);
    store.saveCookies(cookies);
    for (const path of inTheWay) rmdirSync(path);
    store.saveCookies(cookies);
    assert.deepEqual(JSON.parse(readFileSync(join(folder, "policy-cookies.json"), "utf8")), cookies);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
