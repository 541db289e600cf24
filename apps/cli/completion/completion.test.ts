// SPDX-License-Identifier: Apache-2.0
// Completion: what is offered, and the scripts in the shells that are there.
import assert from "node:assert/strict";
import { execFile as execFileCallback, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import type { StatedbApi } from "../../../src/api/index.ts";
import { createMemoryAgent } from "../../../src/api/testing.ts";
import { endpoints, identities } from "../fixtures.ts";
import { type Cli, golden, startCli } from "../harness.ts";
import { shells } from "./scripts.ts";

const execFile = promisify(execFileCallback);

const statedb = {
  tables: () =>
    ["ipcache", "identities"].map((name) => ({
      ...{ name, objects: 3, revision: 1 },
      ...{ indexes: [], columns: [], initializers: [] },
    })),
} as unknown as StatedbApi;

const setup = (t: TestContext): Promise<Cli> =>
  startCli(t, createMemoryAgent({ endpoints, identities, override: { statedb } }).api);

/** Words that are offered behind a line. */
async function offered(cli: Cli, line: string): Promise<string[]> {
  const { code, stdout, stderr } = await cli.run(["completion", "__complete", "--", ...line.split(" ")]);
  assert.deepEqual([code, stderr], [0, ""], line);
  return stdout.split("\n").flatMap((each) => (each === "" ? [] : [each.split("\t")[0] ?? ""]));
}

test("commands, their children and options are offered", async (t) => {
  const cli = await setup(t);
  assert.deepEqual(await offered(cli, "endp"), ["endpoint"]);
  assert.ok((await offered(cli, "")).length > 20);
  assert.deepEqual(await offered(cli, "endpoint l"), ["list", "log", "labels"]);
  assert.deepEqual(await offered(cli, "endpoint list --no"), ["--no-headers"]);
  assert.deepEqual(await offered(cli, "--hos"), ["--host"]);
  assert.ok((await offered(cli, "endpoint list -")).includes("--output"));
  assert.deepEqual(await offered(cli, "-D --host x identity g"), ["get"]);
  assert.deepEqual(await offered(cli, "no-such-command x"), []);
  assert.deepEqual(await offered(cli, "completion "), [...shells]);
});

test("values of options and arguments are offered, those that the agent knows too", async (t) => {
  const cli = await setup(t);
  assert.deepEqual(await offered(cli, "endpoint list -o "), ["json", "yaml", "jsonpath="]);
  assert.deepEqual(await offered(cli, "endpoint ls --output=j"), ["--output=json", "--output=jsonpath="]);
  assert.deepEqual(await offered(cli, "endpoint get 1"), ["1234"]);
  assert.deepEqual(await offered(cli, "monitor --type d"), ["drop", "debug"]);
  assert.deepEqual(await offered(cli, "monitor --from 9"), ["99"]);
  assert.deepEqual(await offered(cli, "identity get 4"), ["4711"]);
  assert.deepEqual(await offered(cli, "map get "), ["cilium_lxc"]);
  assert.deepEqual(await offered(cli, "shell db/show i"), ["ipcache", "identities"]);
  assert.deepEqual(await offered(cli, "statedb show ipcache "), []);
  const { stdout } = await cli.run(["completion", "__complete", "--", "endpoint", "get", "99"]);
  assert.equal(stdout, "99\tdefault/pod-99\n");
});

test("without an agent there are no values, and no error", async (t) => {
  const cli = await startCli(t, undefined);
  assert.deepEqual(await offered(cli, "endpoint get "), []);
});

test("what pods are called cannot add lines or steer the terminal", async (t) => {
  const cli = await setup(t);
  const { stdout } = await cli.run(["completion", "__complete", "--", "identity", "get", "666"]);
  assert.equal(stdout, "666\tk8s:evil=\\x1b[31mred\\u202e\n");
});

for (const shell of shells) {
  test(`the script for ${shell} is testdata/completion-${shell}.txt`, async (t) => {
    const { run } = await setup(t);
    golden(`completion-${shell}`, (await run(["completion", shell])).stdout);
  });
}

/** A folder with a program `cilium` that answers as this one does, without its start. */
function fakeProgram(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "completion-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const bin = join(directory, "bin");
  mkdirSync(bin);
  const answer = `#!/bin/sh
[ "$1 $2 $3" = "completion __complete --" ] || exit 1
shift 3
case "$*" in
  "endpoint l") printf 'list\\tList\\nlog\\tShow the log\\n' ;;
  "endpoint get ") printf '1234\\tdefault/a b\\n' ;;
  "endpoint get pod-name:def") printf 'pod-name:default:a\\t\\n' ;;
  "endpoint list --output=json") printf -- '--output=json\\t\\n--output=jsonpath=\\t\\n' ;;
esac
`;
  writeFileSync(join(bin, "cilium"), answer, { mode: 0o755 });
  return bin;
}

/** What bash would put in place of the last word, after the script was sourced. */
async function completeInBash(script: string, line: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const driver = `${script}
COMP_LINE="$1" COMP_POINT=\${#1} COMP_CWORD=1 COMP_WORDS=($1)
_cilium
[ \${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "\${COMPREPLY[@]}"`;
  const options = { env: { PATH: process.env.PATH, ...env } };
  const { stdout, stderr } = await execFile("bash", ["--norc", "--noprofile", "-c", driver, "bash", line], options);
  assert.equal(stderr, "", line);
  return stdout.split("\n").filter((each) => each !== "");
}

test("bash completes words, also such with colons and equal signs", async (t) => {
  const { stdout: script } = await (await setup(t)).run(["completion", "bash"]);
  const env = { PATH: `${fakeProgram(t)}:${process.env.PATH}` };
  for (const [line, words] of [
    ["cilium endpoint l", ["list", "log"]],
    ["cilium endpoint get ", ["1234"]],
    ["cilium endpoint get pod-name:def", ["default:a"]],
    ["cilium endpoint list --output=json", ["json", "jsonpath="]],
    ["cilium nothing", []],
  ] as const) {
    assert.deepEqual(await completeInBash(script, line, env), words, line);
  }
});

test("bash completes what the real program says", async (t) => {
  const { run, socketPath } = await setup(t);
  const { stdout: script } = await run(["completion", "bash"]);
  const program = join(import.meta.dirname, "../../../bin/cilium-dbg");
  assert.deepEqual(await completeInBash(script, `${program} endpoint get 1`, { CILIUM_SOCK: socketPath }), ["1234"]);
});

/** Why a test of a shell is left out; false when the shell is there. */
function missing(shell: string): string | false {
  return spawnSync(shell, ["-c", "true"]).status === 0 ? false : `${shell} is not installed`;
}

test("fish completes words with what they mean", { skip: missing("fish") }, async (t) => {
  const { stdout: script } = await (await setup(t)).run(["completion", "fish"]);
  const env = { HOME: tmpdir(), PATH: `${fakeProgram(t)}:${process.env.PATH}` };
  for (const [line, offers] of [
    ["cilium endpoint l", "list\tList\nlog\tShow the log\n"],
    ["cilium endpoint get ", "1234\tdefault/a b\n"],
    ["cilium endpoint get pod-name:def", "pod-name:default:a\n"],
    ["cilium nothing", ""],
  ] as const) {
    const driver = `${script}\ncomplete --do-complete ${JSON.stringify(line)}`;
    const { stdout, stderr } = await execFile("fish", ["--no-config", "-c", driver], { env });
    assert.deepEqual([stdout, stderr], [offers, ""], line);
  }
});

/** An interactive zsh in which a line is typed and Tab pressed; a key of its own then prints the line as it is. */
const zshDriver = `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=; autoload -Uz compinit; compinit -D -u; source "$SCRIPT"; bindkey "^I" complete-word'
zpty -w z 'said() { BUFFER="print -r -- \\"<\\"\${(q)BUFFER}\\">\\""; zle accept-line; }; zle -N said; bindkey "^]" said'
zpty -w z 'print REA""DY'
zpty -r -m z out '*READY*'
zpty -w -n z "$LINE"$'\\t\\C-]'
zpty -r -m z out $'*\\n<*>*'
print -r -- "$out"
`;

test("zsh completes words, also such with colons", { skip: missing("zsh") }, async (t) => {
  const { stdout: script } = await (await setup(t)).run(["completion", "zsh"]);
  const bin = fakeProgram(t);
  const path = join(bin, "_cilium");
  writeFileSync(path, script);
  for (const [line, completed] of [
    ["cilium endpoint l", "cilium endpoint l"],
    ["cilium endpoint get ", "cilium endpoint get 1234"],
    ["cilium endpoint get pod-name:def", "cilium endpoint get pod-name:default:a"],
  ] as const) {
    const env = { HOME: bin, TERM: "dumb", SCRIPT: path, LINE: line, PATH: `${bin}:${process.env.PATH}` };
    const { stdout } = await execFile("zsh", ["-f", "-c", zshDriver], { env, timeout: 60_000 });
    assert.equal(/^<(.*?) *>/m.exec(stdout)?.[1], completed, line);
  }
});

test("a shell that nobody knows is refused, and none means bash", async (t) => {
  const { run } = await setup(t);
  const { code, stdout, stderr } = await run(["completion", "tcsh"]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    /^Error: Cannot complete for "tcsh": unsupported shell \(expected bash, zsh, fish, powershell\)\n$/,
  );
  assert.equal((await run(["completion"])).stdout, (await run(["completion", "bash"])).stdout);
});

test("quotes and brackets of every script are closed", async (t) => {
  const { run } = await setup(t);
  for (const shell of shells) {
    const { stdout } = await run(["completion", shell]);
    assert.deepEqual(unclosed(stdout), [], shell);
  }
});

/** Brackets and quotes that are left open outside of quotes and comments. */
function unclosed(script: string): string[] {
  const closing: Readonly<Record<string, string>> = { "(": ")", "{": "}", "[": "]" };
  const open: string[] = [];
  const lines = script.split("\n").filter((line) => !/^\s*#/.test(line));
  // Words in quotes hold anything; patterns of case end with a bracket of their own.
  const bare = lines
    .join("\n")
    .replaceAll(/'[^'\n]*'/g, "")
    .replaceAll(/\\./g, "")
    .replaceAll(/ \*\S+\) /g, " ");
  for (const character of bare.replaceAll(/\[\[:space:\]\]|\[:=\]/g, "")) {
    if (character in closing) open.push(closing[character] ?? "");
    else if (Object.values(closing).includes(character) && open.pop() !== character) open.push(`wrong ${character}`);
  }
  return (bare.match(/"/g)?.length ?? 0) % 2 === 0 ? open : [...open, '"'];
}
