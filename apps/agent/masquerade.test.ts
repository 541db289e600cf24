// SPDX-License-Identifier: Apache-2.0
// What the datapath is told of the ip-masq-agent's file.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { configureLogging, loadConfig } from "../../src/core/index.ts";
import { eventually } from "../../src/core/testing.ts";
import type { Datapath } from "../../src/datapath/index.ts";
import { createMasquerade } from "./masquerade.ts";
import { checks, options } from "./options.ts";
import { localAddresses } from "./settings.ts";

configureLogging({ level: "silent" });
const nothing = JSON.stringify({ nonMasqueradeCIDRs: [], masqLinkLocal: true, masqLinkLocalIPv6: true });

/** The module on a file, and the lists that it told. */
async function start(t: TestContext, content: string) {
  const directory = mkdtempSync(join(tmpdir(), "masq-"));
  const path = join(directory, "ip-masq-agent");
  writeFileSync(path, content);
  const argv = ["--ipv4-range=10.1.0.0/24", "--enable-ipv6=false", "--ipv4-node=192.0.2.1", "--enable-ip-masq-agent"];
  const config = loadConfig({
    ...{ options: Object.values(options), checks, env: {} },
    argv: [...argv, `--ip-masq-agent-config-path=${path}`],
  });
  const told: (readonly string[])[] = [];
  const datapath = {
    setMasqueradeExclusions: (prefixes: readonly string[]) => void told.push(prefixes),
    maps: { ipmasq: { list: () => [] } },
  };
  const module = createMasquerade(config, localAddresses(config), datapath as unknown as Datapath);
  await module.start?.(new AbortController().signal);
  t.after(async () => {
    await module.stop?.();
    rmSync(directory, { recursive: true });
  });
  return { path, told, module };
}

test("a file that excludes nothing is taken: masquerading begins", async (t) => {
  const { told } = await start(t, nothing);
  assert.equal(JSON.stringify(told), "[[]]");
});

test("a file that goes bad leaves what was excluded before, also when that was nothing", async (t) => {
  const { path, told, module } = await start(t, nothing);
  writeFileSync(path, "nonMasqueradeCIDRs: [x]");
  await eventually("the bad file is told", () => module.health?.().state === "degraded");
  assert.equal(JSON.stringify(told), "[[]]");
  writeFileSync(path, JSON.stringify({ nonMasqueradeCIDRs: ["10.9.0.0/16"], masqLinkLocal: true }));
  await eventually("the good file is taken", () => told.length === 2);
  assert.ok(told.at(-1)?.includes("10.9.0.0/16"));
});

test("a named pipe, a folder, and a file that is too large are told, and nothing waits for them", async (t) => {
  const { path, told, module } = await start(t, nothing);
  for (const [make, problem] of [
    [() => execFileSync("mkfifo", [path]), /ip-masq-agent: not a regular file$/],
    [() => mkdirSync(path), /ip-masq-agent: not a regular file$/],
    [() => writeFileSync(path, "#".repeat(2 ** 21)), /2097152 bytes, expected at most 1048576$/],
  ] as const) {
    rmSync(path, { recursive: true });
    make();
    await eventually(String(problem), () => problem.test(module.health?.().message ?? ""));
  }
  assert.equal(JSON.stringify(told[0]), "[]");
});

test("a folder that changes all the time is looked at all the same", async (t) => {
  const { path, told } = await start(t, nothing);
  const noise = setInterval(() => writeFileSync(`${path}.other`, ""), 10);
  t.after(() => clearInterval(noise));
  writeFileSync(path, JSON.stringify({ nonMasqueradeCIDRs: ["10.9.0.0/16"] }));
  await eventually("the file is taken", () => told.length > 1);
});
