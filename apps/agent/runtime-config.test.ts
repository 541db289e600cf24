// SPDX-License-Identifier: Apache-2.0
// The file in which others read what the agent runs with.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/core/index.ts";
import { checks, options } from "./options.ts";
import { createRuntimeConfig } from "./runtime-config.ts";

test("each start writes what the agent runs with", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "runtime-config-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const folder = join(directory, "state");
  const written = async (...argv: readonly string[]) => {
    const ranges = ["--ipv4-range=10.1.0.0/24", "--ipv6-range=fd00::/112"];
    const config = loadConfig({ options: Object.values(options), checks, env: {}, argv: [...ranges, ...argv] });
    await createRuntimeConfig(config, folder).start(new AbortController().signal);
    return JSON.parse(readFileSync(join(folder, "agent-runtime-config.json"), "utf8")) as Record<string, unknown>;
  };
  const first = await written("--monitor-aggregation=low", "--enable-health-checking=false");
  assert.deepEqual(Object.entries(first).sort(), [
    ["EnableEndpointHealthChecking", true],
    ["EnableHealthChecking", false],
    ["EnableICMPRules", true],
    ["EnableIPv4", true],
    ["EnableIPv6", true],
    ["EnableK8sClusterNetworkPolicy", true],
    ["EnableK8sNetworkPolicy", true],
    ["EncryptNode", false],
    ["MonitorAggregation", "low"],
    ["NodeEncryptionOptOutLabels", null],
  ]);
  assert.equal((await written("--enable-ipv6=false")).EnableIPv6, false);
  assert.deepEqual(readdirSync(folder), ["agent-runtime-config.json"]);
});
