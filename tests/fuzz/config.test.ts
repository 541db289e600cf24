// SPDX-License-Identifier: Apache-2.0
// Configuration from folders, environment and flags: a value or one line of ConfigError, and nothing else.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ConfigError, configTypes, defineOption, loadConfig, parseDuration } from "../../src/core/index.ts";
import { assertNoPollution, fuzz, type Random } from "./random.ts";

const { boolean, cidr, cidrList, duration, int, list, map, oneOf, pattern, string } = configTypes;
const label = /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/;
const option = <T>(name: string, schema: ReturnType<typeof defineOption<T>>["schema"], value: T) =>
  defineOption({ name, schema, default: value, description: name });
const timeout = option("timeout", duration(), 0);
const kvstoreOpt = option<ReadonlyMap<string, string>>("kvstore-opt", map(), new Map());
const mode = option("mode", oneOf("a", "b"), "a");
const options = [
  ...[timeout, kvstoreOpt, mode, option("flag", boolean(), false), option("count", int(0, 100), 0)],
  ...[option("name", pattern(label, "a name"), "x"), option("text", string(), ""), option("cidr", cidr(4), "")],
  ...[option("cidrs", cidrList(), [] as readonly string[]), option("list", list(), [] as readonly string[])],
];
const names = [...options.map(({ name }) => name), "config-dir", "__proto__", "constructor", ""];

const folder = mkdtempSync(join(tmpdir(), "fuzz-config-"));
after(() => rmSync(folder, { recursive: true }));

/** What it throws must be one bounded line of a ConfigError. */
function load(input: Omit<Parameters<typeof loadConfig>[0], "options">): ReturnType<typeof loadConfig> | string {
  try {
    return loadConfig({ options, ...input });
  } catch (error) {
    assert.ok(error instanceof ConfigError, `${String(error)} ${error instanceof Error ? error.stack : ""}`);
    assert.match(error.message, /^Cannot (use|read) [^\n]*$/);
    assert.ok(error.message.length <= 1001 * 6, `${error.message.length} characters`);
    return error.message;
  }
}

function refused(input: Parameters<typeof load>[0]): string {
  const outcome = load(input);
  return typeof outcome === "string" ? outcome : assert.fail("taken");
}

const value = (random: Random): string =>
  random.pick([
    ...["", "true", "1h", "9".repeat(400), `${"1".repeat(300)}h`, "1.5h3m", "10.0.0.0/8", "fd00::/64,1.2.3.4/33"],
    ...["a=b,c=d", "__proto__=x", "=", "a", "-1", "1e9", "0x10", " a ", "a\nb", random.text(20)],
  ]);

fuzz("flags: mutated names and values", 20_000, (random) => {
  const argv = Array.from({ length: random.int(0, 5) }, () => {
    const name = random.chance(0.8) ? random.pick(names) : random.mutateText(random.pick(names));
    return random.pick([`--${name}=${value(random)}`, `--${name}`, value(random), name, "--", "-x"]);
  });
  load({ argv: argv.map((item) => (item.startsWith("--config-dir=") ? "--config-dir=/nowhere" : item)) });
  assertNoPollution();
});

fuzz("environment: mutated names and values", 10_000, (random) => {
  const entries = Array.from({ length: random.int(0, 5) }, () => {
    const name = random.pick(names).toUpperCase().replaceAll("-", "_");
    return [`CILIUM_${random.chance(0.7) ? name : random.mutateText(name)}`, value(random)] as const;
  });
  load({ env: { ...random.object(entries), CILIUM_CONFIG_DIR: undefined } as Record<string, string | undefined> });
  assertNoPollution();
});

fuzz("folders: files of any name and content", 400, (random, n) => {
  const directory = join(folder, `d${n}`);
  mkdirSync(directory);
  for (let left = random.int(1, 4); left > 0; left--) {
    const name = (random.chance(0.6) ? random.pick(names) : random.text(20))
      .replaceAll("/", "_")
      .replaceAll("\u0000", "_")
      .toWellFormed();
    if (name === "" || name === "." || name === ".." || Buffer.byteLength(name) > 200) continue;
    rmSync(join(directory, name), { force: true });
    writeFileSync(join(directory, name), random.chance(0.5) ? value(random) : random.bytes(random.int(0, 100)));
  }
  load({ configDir: directory });
  rmSync(directory, { recursive: true });
});

test("a ConfigMap as Kubernetes mounts it is read, also after it changed", () => {
  const directory = join(folder, "configmap");
  mkdirSync(join(directory, "..2026_08_01_1"), { recursive: true });
  mkdirSync(join(directory, "..2026_08_01_2"));
  writeFileSync(join(directory, "..2026_08_01_1", "count"), "7\n");
  writeFileSync(join(directory, "..2026_08_01_2", "count"), "8\n");
  symlinkSync("..2026_08_01_1", join(directory, "..data"));
  symlinkSync(join("..data", "count"), join(directory, "count"));
  const count = () => {
    const config = load({ configDir: directory });
    return typeof config === "string" ? config : config.entries().get("count")?.value;
  };
  assert.equal(count(), 7);
  symlinkSync("..2026_08_01_2", join(directory, "..data_tmp"));
  renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
  assert.equal(count(), 8);
});

function writeSparse(path: string, size: number): void {
  writeFileSync(path, "");
  truncateSync(path, size);
}

/** Makes something in a folder that is no file with a value. */
const oddities: readonly (readonly [string, (path: string) => void, RegExp])[] = [
  ["a link to itself", (path) => symlinkSync("count", path), /count: ELOOP/],
  ["a link to nowhere", (path) => symlinkSync("/nowhere/x", path), /count: ENOENT/],
  ["a pipe", (path) => assert.equal(spawnSync("mkfifo", [path]).status, 0), /count: not a regular file/],
  ["a device", (path) => symlinkSync("/dev/zero", path), /count: not a regular file/],
  ["64 MB", (path) => writeSparse(path, 64 << 20), /67108864 bytes \(at most 1048576\)/],
  ["a megabyte", (path) => writeFileSync(path, "x".repeat(1024 * 1024)), /"count" has "x+…" \(allowed/],
  ["bytes that are no text", (path) => writeFileSync(path, Buffer.from([0xff, 0xfe, 0, 1])), /count: not UTF-8/],
  ["NUL", (path) => writeFileSync(path, "1\u0000"), /"count" has/],
];
for (const [what, make, expected] of oddities) {
  test(`threats: ${what} in the folder is one line`, () => {
    const directory = mkdtempSync(join(folder, "odd-"));
    make(join(directory, "count"));
    assert.match(refused({ configDir: directory }), expected);
  });
}

test("threats: file names, keys and values cannot fake a line or steer a terminal", () => {
  const directory = mkdtempSync(join(folder, "names-"));
  writeFileSync(join(directory, "a\nlevel=error\u001b[2J"), "x");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const control = /[\u0000-\u001f\u007f-\u009f]/;
  assert.doesNotMatch(refused({ configDir: directory }), control);
  assert.doesNotMatch(refused({ argv: ["--a\u001b[2J\nb=c"] }), control);
  assert.doesNotMatch(refused({ argv: ["\u001b[2J\n"] }), control);
  assert.doesNotMatch(refused({ argv: ["--mode=\u001b[2J\n\u009b"] }), control);
  assert.doesNotMatch(refused({ env: { "CILIUM_\u001b[2J\n": "x" } }), control);
});

test("threats: passwords in values are not shown", () => {
  const url = "etcd.address=http://root:s3cret@etcd:2379";
  const config = load({
    argv: [`--kvstore-opt=${url}`, "--kvstore-opt=etcd.password=s3cret", "--text=Bearer s3crets3cret"],
  });
  assert.ok(typeof config !== "string");
  const shown = JSON.stringify(
    Array.from(config.entries(), ([, entry]) => [...(entry.value instanceof Map ? entry.value : [entry.value])]),
  );
  assert.equal(shown.includes("s3cret"), false, shown);
  assert.equal(config.get(kvstoreOpt).get("etcd.password"), "s3cret");
  assert.equal(refused({ argv: [`--mode=${url}`] }).includes("s3cret"), false);
});

test("threats: long names and values cost no time", () => {
  const { user: before } = process.cpuUsage();
  const long = 100_000;
  for (const text of [
    "a".repeat(long),
    "1".repeat(long),
    "1.".repeat(long),
    "1s".repeat(long),
    ":".repeat(long),
    "a=".repeat(long),
  ]) {
    for (const name of options.map((each) => each.name)) load({ argv: [`--${name}=${text}`, `--${name}=${text}!`] });
    load({ argv: [`--${text}=x`] });
    load({ env: { [`CILIUM_${text}`]: "x" } });
  }
  const seconds = (process.cpuUsage().user - before) / 1e6;
  assert.ok(seconds < 10, `${seconds} s`);
});

test("durations that no timer can take are refused", () => {
  assert.equal(parseDuration("24d"), 24 * 86_400_000);
  for (const text of ["25d", `${"9".repeat(40)}h`, `${"9".repeat(60)}h`, "1e3s", "Infinitys"]) {
    assert.equal(parseDuration(text), undefined, text);
  }
});

test("the agent itself says one line, and ends with 2", () => {
  const directory = mkdtempSync(join(folder, "agent-"));
  symlinkSync("debug", join(directory, "debug"));
  for (const args of [["--config-dir", directory], ["--mtu", "x\ny"], ["--kvstore-opt=http://root:s3cret@h"]]) {
    const { status, stderr, stdout } = spawnSync("/bin/sh", ["-c", 'exec bin/cilium-agent "$@"', "sh", ...args], {
      cwd: join(import.meta.dirname, "../.."),
      encoding: "utf8",
      timeout: 120_000,
    });
    assert.deepEqual([status, stdout], [2, ""], stderr);
    assert.match(stderr, /^Error: Cannot [^\n]*\n$/);
    assert.equal(stderr.includes("s3cret"), false, stderr);
  }
});
