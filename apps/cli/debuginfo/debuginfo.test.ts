// SPDX-License-Identifier: Apache-2.0
// debuginfo against an agent in memory.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { DebugInfo } from "../../../src/api/index.ts";
import { createMemoryAgent } from "../../../src/api/testing.ts";
import { endpoints } from "../fixtures.ts";
import { type Cli, golden, startCli } from "../harness.ts";

const info: DebugInfo = {
  "cilium-version": "1.20.2",
  "kernel-version": "6.18.0",
  "cilium-status": { cilium: { state: "Ok", msg: "1.20.2" } },
  "endpoint-list": endpoints,
  "service-list": [],
  policy: { revision: 3, policy: '[\n  {\n    "name": "<b>&\u001b[31m"\n  }\n]' },
  "cilium-memory-map": "00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/node\n```\n",
  "environment-variables": ['cluster-name:"default"', "enable-ipv4:true"],
  subsystem: { datapath: "ok", kvstore: "degraded: reconnecting" },
  encryption: { mode: "Disabled" },
};

const setup = (t: TestContext): Promise<Cli> =>
  startCli(t, createMemoryAgent({ override: { debugInfo: () => info } }).api);

for (const [name, args] of Object.entries({
  debuginfo: ["debuginfo"],
  "debuginfo-html": ["debuginfo", "--output", "html"],
  "debuginfo-jsonpath": ["debuginfo", "-o", "jsonpath={.cilium-version},{.policy.revision}"],
})) {
  test(`cilium ${args.join(" ")} prints testdata/${name}.txt`, async (t) => {
    const { run } = await setup(t);
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual([code, stderr], [0, ""]);
    golden(name, stdout);
  });
}

test("debuginfo writes one file a format, or one a part, for its owner alone", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "debuginfo-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const { run } = await setup(t);
  const { stdout } = await run(["debuginfo", "-f", "-o", "json,markdown", "--output-directory", directory]);
  const names = ["json", "md"].map((end) => `cilium-debuginfo-20260102-120000+0000-UTC.${end}`);
  const formats = ["json", "markdown"];
  assert.equal(stdout, names.map((name, at) => `${formats[at]} output at ${join(directory, name)}\n`).join(""));
  assert.deepEqual(JSON.parse(readFileSync(join(directory, names[0] ?? ""), "utf8")), info);
  assert.equal(statSync(join(directory, names[0] ?? "")).mode & 0o777, 0o600);
  await run(["debuginfo", "--file-per-command", "--output-directory", directory]);
  const parts = readdirSync(directory).filter((name) => /^cilium-debuginfo-\S+-UTC-[a-z-]+\.md$/.test(name));
  assert.equal(parts.length, 10);
  assert.ok(parts.includes("cilium-debuginfo-20260102-120000+0000-UTC-kernel-version.md"), parts.join(" "));
  assert.equal((await run(["debuginfo", "--file-per-command", "-o", "json"])).code, 1);
  const { code, stderr } = await run(["debuginfo", "-o", "xml"]);
  assert.equal(code, 1);
  assert.match(stderr, /Cannot use output/);
});
