// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { configureLogging } from "../core/index.ts";
import { KeptManifests } from "./kept-manifests.ts";

configureLogging({ level: "silent" });

test("what cannot be removed or listed is left, and what is there can still be read", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "kept-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const kept = new KeptManifests(join(folder, "manifests"));
  kept.write("a", { a: 1 });
  kept.write("b", { b: 1 });
  // A folder in the place of b's file does not go by removing a file.
  const [name = ""] = readdirSync(join(folder, "manifests")).filter((file) => file.startsWith(hashOf("b")));
  rmSync(join(folder, "manifests", name));
  mkdirSync(join(folder, "manifests", name));
  kept.remove("b");
  assert.equal(kept.read("b"), undefined);
  kept.prune(["a"]);
  assert.deepEqual(kept.read("a"), { a: 1 });

  writeFileSync(join(folder, "file"), "");
  const none = new KeptManifests(join(folder, "file"));
  none.prune([]);
  none.write("a", {});
  assert.equal(none.read("a"), undefined);
});

function hashOf(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 32);
}
