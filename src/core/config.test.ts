// SPDX-License-Identifier: Apache-2.0
// Configuration: precedence, kinds of values, and one line for everything that is wrong.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  ConfigError,
  configTypes,
  defineOption,
  formatDuration,
  loadConfig,
  optionHelp,
  parseDuration,
} from "./index.ts";

const policy = defineOption({
  name: "enable-policy",
  schema: configTypes.oneOf("default", "always", "never"),
  default: "default" as const,
  description: "When endpoints enforce policy",
});
const ipv6 = defineOption({ name: "enable-ipv6", schema: configTypes.boolean(), default: true, description: "IPv6" });
const mtu = defineOption({ name: "mtu", schema: configTypes.int(0, 65535), default: 0, description: "MTU" });
const timeout = defineOption({
  name: "bpf-ct-timeout-regular-tcp",
  schema: configTypes.duration(),
  default: 8_000_000,
  description: "TCP time-out",
});
const pool = defineOption({
  name: "cluster-pool",
  schema: configTypes.cidrList(4),
  default: [] as readonly string[],
  description: "Pools",
});
const kvstore = defineOption({
  name: "kvstore-opt",
  schema: configTypes.map(),
  default: new Map<string, string>() as ReadonlyMap<string, string>,
  description: "Options of the key-value store",
});
const options = [policy, ipv6, mtu, timeout, pool, kvstore];

const folder = mkdtempSync(join(tmpdir(), "core-config-"));
after(() => rmSync(folder, { recursive: true }));

function configDir(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(folder, "d-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

function problem(input: Omit<Parameters<typeof loadConfig>[0], "options">): string {
  try {
    loadConfig({ options, ...input });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.message.includes("\n"), false, "one line");
    return error.message;
  }
  return assert.fail("the configuration was accepted");
}

test("defaults hold where nothing is given", () => {
  const config = loadConfig({ options });
  assert.equal(config.get(policy), "default");
  assert.equal(config.source(policy), "default");
});

test("flags overrule the environment, which overrules the folder", () => {
  const dir = configDir({ "enable-policy": "always\n", mtu: "1400", "enable-ipv6": "false" });
  const env = { CILIUM_ENABLE_POLICY: "never", CILIUM_MTU: "1450", PATH: "/bin" };
  const config = loadConfig({ options, configDir: dir, env, argv: ["--mtu", "1500"] });
  assert.deepEqual([config.get(ipv6), config.source(ipv6)], [false, "config-dir"]);
  assert.deepEqual([config.get(policy), config.source(policy)], ["never", "environment"]);
  assert.deepEqual([config.get(mtu), config.source(mtu)], [1500, "flag"]);
});

test("--config-dir among the flags is read; hidden files and folders in it are not", () => {
  const dir = configDir({ mtu: "1400", "..data": "x" });
  mkdirSync(join(dir, "..2026"));
  mkdirSync(join(dir, "folder"));
  assert.equal(loadConfig({ options, argv: ["--config-dir", dir] }).get(mtu), 1400);
  assert.equal(loadConfig({ options, argv: [`--config-dir=${dir}`] }).get(mtu), 1400);
  assert.equal(loadConfig({ options, env: { CILIUM_CONFIG_DIR: dir } }).get(mtu), 1400);
  assert.match(problem({ argv: ["--config-dir", join(dir, "nope")] }), /"config-dir".*ENOENT/);
});

test("switches stand alone, take =VALUE, or a following true/false", () => {
  const read = (...argv: string[]) => loadConfig({ options, env: { CILIUM_ENABLE_IPV6: "false" }, argv }).get(ipv6);
  assert.equal(read("--enable-ipv6"), true);
  assert.equal(read("--enable-ipv6=false"), false);
  assert.equal(read("--enable-ipv6", "false"), false);
  assert.equal(read("--enable-ipv6", "--mtu", "1"), true);
});

test("maps and lists are read, and repeated flags add up", () => {
  const argv = [
    "--kvstore-opt",
    "etcd.address=http://a:2379",
    "--kvstore-opt=etcd.qps=20,x=y",
    "--cluster-pool",
    "10.1.2.3/16, 10.2.0.0/16",
  ];
  const config = loadConfig({ options, argv });
  assert.deepEqual(Object.fromEntries(config.get(kvstore)), {
    "etcd.address": "http://a:2379",
    "etcd.qps": "20",
    x: "y",
  });
  assert.deepEqual(config.get(pool), ["10.1.0.0/16", "10.2.0.0/16"]);
});

test("an unknown key is refused in each source, with the nearest one", () => {
  assert.equal(
    problem({ argv: ["--enable-polcy=always"] }),
    'Cannot use flag --enable-polcy: unknown key "enable-polcy" (did you mean "enable-policy"?)',
  );
  assert.match(
    problem({ env: { CILIUM_MTUU: "1" } }),
    /variable CILIUM_MTUU: unknown key "mtuu" \(did you mean "mtu"\?\)/,
  );
  assert.match(
    problem({ configDir: configDir({ "wholly-different": "1" }) }),
    /unknown key "wholly-different" \(see --help/,
  );
});

test("variables of commands are left alone", () => {
  assert.equal(loadConfig({ options, env: { CILIUM_SOCK: "/x", CILIUM_FREEZE_ROWS: "1" } }).get(mtu), 0);
});

test("a bad value is told with what is allowed", () => {
  assert.equal(
    problem({ argv: ["--enable-policy", "sometimes"] }),
    'Cannot use flag --enable-policy: key "enable-policy" has "sometimes" (allowed: default, always, never)',
  );
  assert.match(problem({ argv: ["--mtu", "70000"] }), /"70000" \(allowed: a whole number from 0 to 65535\)/);
  assert.match(problem({ argv: ["--mtu", "1e3"] }), /"1e3"/);
  assert.match(problem({ argv: ["--enable-ipv6=maybe"] }), /true or false/);
  assert.match(
    problem({ env: { CILIUM_BPF_CT_TIMEOUT_REGULAR_TCP: "5 minutes" } }),
    /variable CILIUM_BPF.*a duration such as 5s/,
  );
  assert.match(problem({ argv: ["--cluster-pool", "fd00::/64"] }), /IPv4 prefixes/);
  assert.match(problem({ argv: ["--kvstore-opt", "etcd.address"] }), /key=value/);
  assert.match(problem({ configDir: configDir({ mtu: "big" }) }), /file .*\/mtu: key "mtu" has "big"/);
});

test("a flag without its value, a stray argument and a dash are refused", () => {
  assert.match(problem({ argv: ["--mtu"] }), /key "mtu" has no value \(allowed: a whole number/);
  assert.match(problem({ argv: ["1500"] }), /argument "1500"/);
  assert.match(problem({ argv: ["-m", "1"] }), /argument "-m"/);
  assert.match(problem({ argv: ["--"] }), /argument "--"/);
});

test("checks see the merged values", () => {
  const message = problem({
    argv: ["--mtu", "500"],
    checks: [
      (config) =>
        config.get(ipv6) && config.get(mtu) > 0 && config.get(mtu) < 1280
          ? { key: "mtu", found: `${config.get(mtu)} with enable-ipv6`, allowed: "0 or 1280 and more" }
          : undefined,
    ],
  });
  assert.equal(message, 'Cannot use configuration: key "mtu" has 500 with enable-ipv6 (allowed: 0 or 1280 and more)');
});

test("entries() and optionHelp() show every key", () => {
  const duration = defineOption({ name: "wait", schema: configTypes.duration(), default: 60_000, description: "" });
  assert.equal(
    loadConfig({ options: [duration] })
      .entries()
      .get("wait")?.text,
    "1m0s",
  );
  assert.deepEqual([...loadConfig({ options }).entries().keys()], options.map((option) => option.name).sort());
  assert.match(
    optionHelp(options),
    /--enable-policy VALUE\n +When endpoints enforce policy \(default, always, never; default "default"\)/,
  );
});

test("an option declared twice, or read without being declared, is a mistake of the program", () => {
  assert.throws(() => loadConfig({ options: [mtu, mtu] }), TypeError);
  assert.throws(() => loadConfig({ options: [mtu] }).get(policy), TypeError);
});

test("durations are read and written as Go does", () => {
  const cases: readonly (readonly [string, number])[] = [
    ["5s", 5000],
    ["2h13m20s", 8_000_000],
    ["100ms", 100],
    ["1.5h", 5_400_000],
    ["0", 0],
    ["0s", 0],
    ["1m30s", 90_000],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
  for (const text of ["", "5", "-5s", "5 s", "s", "5x", "1h 2m"]) assert.equal(parseDuration(text), undefined, text);
  assert.deepEqual([8_000_000, 5000, 100, 0, 90_000].map(formatDuration), ["2h13m20s", "5s", "100ms", "0s", "1m30s"]);
});
