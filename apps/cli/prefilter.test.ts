// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ApiError, type PrefilterApi } from "../../src/api/index.ts";
import { createMemoryAgent } from "../../src/api/testing.ts";
import { startCli } from "./harness.ts";

/** Denied prefixes in memory, by the rules of the agent's. */
class MemoryPrefilter implements PrefilterApi {
  readonly #denied = new Set<string>();
  /** How many prefixes each call had. */
  readonly calls: number[] = [];
  #revision = 1;

  revision = () => this.#revision;
  denied = () => [...this.#denied];
  update = (revision: number, deny: readonly string[]) =>
    this.#change(revision, deny, (cidr) => this.#denied.add(cidr));
  delete = (revision: number, deny: readonly string[]) =>
    this.#change(revision, deny, (cidr) => this.#denied.delete(cidr));

  #change(revision: number, deny: readonly string[], apply: (cidr: string) => void): void {
    if (revision !== 0 && revision !== this.#revision) throw new ApiError(500, "Cannot change prefilter: moved on");
    const bad = deny.find((cidr) => !cidr.includes("/"));
    if (bad !== undefined) throw new ApiError(461, `Cannot parse prefix "${bad}": ADDRESS/LENGTH expected`);
    this.calls.push(deny.length);
    this.#revision++;
    for (const cidr of deny) apply(cidr);
  }
}

test("prefilter lists, updates and deletes by revision", async (t) => {
  const prefilter = new MemoryPrefilter();
  const { run } = await startCli(t, createMemoryAgent({ override: { prefilter } }).api);
  const prints = async (args: string[], stdout: string) =>
    assert.deepEqual(await run(["prefilter", ...args]), { code: 0, stdout, stderr: "" });
  await prints(["list"], "Revision: 1\n");
  await prints(
    ["update", "--cidr", "192.0.2.0/24,2001:db8::/32", "--cidr", "10.0.0.0/8"],
    "Updated 3 prefilter entries\n",
  );
  await prints(["list"], "Revision: 2\n192.0.2.0/24\n2001:db8::/32\n10.0.0.0/8\n");
  await prints(["delete", "--revision", "2", "--cidr", "10.0.0.0/8"], "Deleted 1 prefilter entries\n");
  const { stdout } = await run(["prefilter", "list", "-o", "json"]);
  assert.deepEqual(JSON.parse(stdout), { revision: 3, deny: ["192.0.2.0/24", "2001:db8::/32"] });
  const old = await run(["prefilter", "update", "--revision", "2", "--cidr", "10.0.0.0/8"]);
  assert.deepEqual([old.code, old.stderr], [1, "Error: Cannot change prefilter: moved on\n"]);
  const bad = await run(["prefilter", "update", "--cidr", "here"]);
  assert.deepEqual([bad.code, bad.stderr], [1, 'Error: Cannot parse prefix "here": ADDRESS/LENGTH expected\n']);
});

test("prefilter update sends a long file in parts, each at the revision of the one before", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "prefilter-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "deny.txt");
  const lines = Array.from({ length: 150_000 }, (_, n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}/32`);
  writeFileSync(file, `# denied\n\n${lines.join("  # why\n")}\n`);
  const prefilter = new MemoryPrefilter();
  const { run } = await startCli(t, createMemoryAgent({ override: { prefilter } }).api);
  const { code, stdout } = await run(["prefilter", "update", "--file", file, "--revision", "1"]);
  assert.deepEqual([code, stdout], [0, "Updated 150000 prefilter entries\n"]);
  assert.deepEqual([prefilter.calls, prefilter.denied().length], [[100_000, 50_000], 150_000]);
});

test("prefilter says when it is off, and when nothing was given", async (t) => {
  const { run } = await startCli(t, createMemoryAgent().api);
  assert.match((await run(["prefilter", "list"])).stderr, /it is off \(start the agent with --enable-xdp-prefilter\)/);
  assert.match((await run(["prefilter", "update"])).stderr, /give prefixes with --cidr or --file/);
});
