// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../core/testing.ts";
import { createStaticSource } from "./static-source.ts";
import { createResourceTable } from "./table.ts";

const pod = (name: string, app: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {app: ${app}}}\n`;

async function setUp(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "static-"));
  const resources = createResourceTable();
  const source = createStaticSource({ resources }, { directory });
  await source.start(new AbortController().signal);
  t.after(async () => {
    await source.stop?.();
    rmSync(directory, { recursive: true });
  });
  const ids = () => [...resources.all()].map((row) => row.id).sort();
  return { directory, resources, source, ids };
}

test("static source follows files that come, change and go", async (t) => {
  const { directory, resources, ids } = await setUp(t);
  assert.deepEqual(resources.pendingInitializers, []);
  writeFileSync(join(directory, "a.yaml"), `${pod("a", "x")}---\n${pod("b", "x")}`);
  await eventually("the objects of the files", () => ids().length === 2);
  writeFileSync(join(directory, "a.yaml"), pod("a", "y"));
  await eventually("the objects of the files", () => ids().length === 1);
  assert.deepEqual(resources.get("Pod/default/a")?.object.metadata, { name: "a", labels: { app: "y" } });
  rmSync(join(directory, "a.yaml"));
  await eventually("the objects of the files", () => ids().length === 0);
});

test("static source keeps the last good state of a file that went bad, and says so", async (t) => {
  const { directory, source, ids } = await setUp(t);
  writeFileSync(join(directory, "a.yaml"), pod("a", "x"));
  writeFileSync(join(directory, "b.yaml"), pod("b", "x"));
  source.rescan();
  writeFileSync(join(directory, "a.yaml"), "kind: [");
  writeFileSync(join(directory, "c.yaml"), pod("c", "x"));
  source.rescan();
  assert.deepEqual(ids(), ["Pod/default/a", "Pod/default/b", "Pod/default/c"]);
  assert.deepEqual(
    source.errors().map((error) => error.file),
    ["a.yaml"],
  );
  assert.equal(source.health?.().state, "degraded");
  writeFileSync(join(directory, "a.yaml"), pod("d", "x"));
  source.rescan();
  assert.deepEqual(source.errors(), []);
  assert.deepEqual(ids(), ["Pod/default/b", "Pod/default/c", "Pod/default/d"]);
});

test("static source takes the first of two files with the same object, and names the other", async (t) => {
  const { directory, source, resources } = await setUp(t);
  writeFileSync(join(directory, "2.yaml"), pod("a", "second"));
  writeFileSync(join(directory, "1.yaml"), pod("a", "first"));
  source.rescan();
  assert.match(resources.get("Pod/default/a")?.origin ?? "", /1\.yaml/);
  assert.match(source.errors()[0]?.message ?? "", /2\.yaml.*is in .*1\.yaml, document 1 already/);
  rmSync(join(directory, "1.yaml"));
  source.rescan();
  assert.deepEqual(source.errors(), []);
  assert.match(resources.get("Pod/default/a")?.origin ?? "", /2\.yaml/);
});

test("threats: static source does not hang on what is no file", async (t) => {
  const { directory, source, ids } = await setUp(t);
  assert.equal(spawnSync("mkfifo", [join(directory, "pipe.yaml")]).status, 0);
  mkdirSync(join(directory, "folder.yaml"));
  symlinkSync("/nowhere", join(directory, "link.yaml"));
  writeFileSync(join(directory, "a.yaml"), pod("a", "x"));
  source.rescan();
  assert.deepEqual(ids(), ["Pod/default/a"]);
  assert.deepEqual(
    source.errors().map(({ file }) => file),
    ["folder.yaml", "link.yaml", "pipe.yaml"],
  );
  assert.match(source.errors()[2]?.message ?? "", /pipe\.yaml: not a regular file/);
});

test("static source keeps its objects while the folder is away", async (t) => {
  const { directory, source, ids } = await setUp(t);
  writeFileSync(join(directory, "a.yaml"), pod("a", "x"));
  source.rescan();
  rmSync(directory, { recursive: true });
  assert.throws(() => source.rescan(), /ENOENT/);
  assert.deepEqual(ids(), ["Pod/default/a"]);
  mkdirSync(directory);
  source.rescan();
  assert.deepEqual(ids(), []);
});

test("static source takes at most 16 MiB", async (t) => {
  const { directory, source } = await setUp(t);
  writeFileSync(join(directory, "a.yaml"), Buffer.alloc(16 * 1024 * 1024 + 1, "#"));
  source.rescan();
  assert.match(source.errors()[0]?.message ?? "", /16777217 bytes, expected at most 16777216/);
});

test("static source keeps objects over a restart while their file is bad, and says so", async (t) => {
  const { directory, source } = await setUp(t);
  const keep = mkdtempSync(join(tmpdir(), "static-keep-"));
  t.after(() => rmSync(keep, { recursive: true }));
  await source.stop?.();
  const run = async () => {
    const resources = createResourceTable();
    const other = createStaticSource({ resources }, { directory, keep: join(keep, "manifests") });
    await other.start(new AbortController().signal);
    await other.stop?.();
    return { ids: [...resources.all()].map((row) => row.id).sort(), errors: other.errors().map(({ file }) => file) };
  };
  writeFileSync(join(directory, "a.yaml"), pod("a", "x"));
  writeFileSync(join(directory, "b.yaml"), pod("b", "x"));
  assert.deepEqual(await run(), { ids: ["Pod/default/a", "Pod/default/b"], errors: [] });
  assert.equal(statSync(join(keep, "manifests", "a.yaml")).mode & 0o777, 0o600);
  writeFileSync(join(directory, "a.yaml"), "kind: [");
  writeFileSync(join(directory, "c.yaml"), "kind: [");
  rmSync(join(directory, "b.yaml"));
  assert.deepEqual(await run(), { ids: ["Pod/default/a"], errors: ["a.yaml", "c.yaml"] });
  assert.deepEqual(await run(), { ids: ["Pod/default/a"], errors: ["a.yaml", "c.yaml"] });
  writeFileSync(join(keep, "manifests", "a.yaml"), "kind: [");
  assert.deepEqual(await run(), { ids: [], errors: ["a.yaml", "c.yaml"] });
  writeFileSync(join(directory, "a.yaml"), pod("d", "x"));
  rmSync(join(directory, "c.yaml"));
  assert.deepEqual(await run(), { ids: ["Pod/default/d"], errors: [] });
  assert.deepEqual(readdirSync(join(keep, "manifests")), ["a.yaml"]);
  // A folder does not go by removing a file: that ends neither the start nor what is in force.
  mkdirSync(join(keep, "manifests", "gone.yaml"));
  assert.deepEqual(await run(), { ids: ["Pod/default/d"], errors: [] });
});
