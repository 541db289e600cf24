// SPDX-License-Identifier: Apache-2.0
// The parts of a sysdump: archives, secrets, bounds.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { redactSecrets } from "./redact.ts";
import { CommandRunner } from "./runner.ts";
import { collectAll } from "./sysdump.ts";
import { tarEnd, tarEntry } from "./tar.ts";
import type { Item } from "./types.ts";

test("tar reads what tarEntry() writes", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "tar-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const long = `top/${"d".repeat(90)}/${"n".repeat(90)}`;
  const files = new Map([
    ["top/a", Buffer.from("one\n")],
    ["top/empty", Buffer.alloc(0)],
    ["top/b/block", Buffer.alloc(512, "x")],
    [long, Buffer.from("deep")],
  ]);
  const archive = join(directory, "a.tar");
  writeFileSync(archive, Buffer.concat([...Array.from(files, ([path, bytes]) => tarEntry(path, bytes, 1)), tarEnd]));
  execFileSync("tar", ["-xf", archive, "-C", directory]);
  for (const [path, bytes] of files) assert.deepEqual(readFileSync(join(directory, path)), bytes, path);
  assert.throws(() => tarEntry(`top/${"n".repeat(101)}`, Buffer.alloc(0), 1), /its path is too long/);
});

test("redactSecrets() takes values away, and leaves names, addresses and JSON", () => {
  const cases: Readonly<Record<string, string>> = {
    "password=hunter2 user=bob": "password=[redacted] user=bob",
    "--etcd.password=hunter2,etcd.user=x": "--etcd.password=[redacted],etcd.user=x",
    'etcd-password: "two words"': 'etcd-password: "[redacted]"',
    '{"token":"hunter2","n":1}': '{"token":"[redacted]","n":1}',
    '{"policy":"{\\"api-token\\": \\"hunter2\\"}"}': '{"policy":"{\\"api-token\\": \\"[redacted]\\"}"}',
    "k8s:api-token=hunter2": "k8s:api-token=[redacted]",
    "GET http://root:hunter2@etcd:2379": "GET http://root:[redacted]@etcd:2379",
    "authorization: Bearer abcdef123456": "authorization: [redacted] [redacted]",
    "3 rfc4106(gcm(aes)) 0123456789abcdef0123456789abcdef01234567 128": "3 rfc4106(gcm(aes)) [redacted] 128",
    "PrivateKey = aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gMTI=": "PrivateKey = [redacted]",
    "x eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl y": "x [redacted] y",
    '{"key": "10.1.0.5/32", "value": "identity=2"}': '{"key": "10.1.0.5/32", "value": "identity=2"}',
    "keyboard=x monkey: y": "keyboard=x monkey: y",
    "encryptkey=0 tunnelendpoint=10.0.0.1": "encryptkey=0 tunnelendpoint=10.0.0.1",
  };
  for (const [text, expected] of Object.entries(cases)) {
    const redacted = redactSecrets(text).replace(/Bearer \[redacted\]/, "[redacted] [redacted]");
    assert.equal(redacted, expected, text);
    if (text.startsWith("{")) JSON.parse(redacted);
  }
  const pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----";
  assert.equal(redactSecrets(`a\n${pem}\nb`), "a\n[redacted]\nb");
});

const generous = { itemBytes: 1000, totalBytes: 10_000, itemMs: 30_000, totalMs: 60_000 };

async function collect(items: readonly Item[], bounds = generous, signal = new AbortController().signal) {
  const files = new Map<string, string>();
  const write = async (path: string, bytes: Buffer) => void files.set(path, bytes.toString());
  const outcomes = await collectAll({ items, bounds, env: process.env, signal, write });
  return { files, outcomes: outcomes.map(({ ms: _, ...rest }) => rest) };
}

test("threats: redactSecrets() reads text that looks like secrets without end once", () => {
  for (const word of ["token.", 'secret" ', "key: "]) {
    assert.ok(redactSecrets(word.repeat(50_000)).length > 0);
  }
});

test("an item that fails is told of, and stops no other", async () => {
  const items: readonly Item[] = [
    { path: "good", read: () => "token=hunter2 fine" },
    {
      path: "bad",
      read: () => {
        throw new Error("no such device: password=hunter2");
      },
    },
    { path: "gone", file: "/nonexistent/file" },
    { path: "after", read: async () => Buffer.from("fine") },
  ];
  const { files, outcomes } = await collect(items);
  assert.deepEqual(Object.fromEntries(files), { good: "token=[redacted] fine", after: "fine" });
  assert.deepEqual(
    outcomes.map(({ path }) => path),
    items.map(({ path }) => path),
  );
  assert.equal(outcomes[1]?.error, "no such device: password=[redacted]");
  assert.match(outcomes[2]?.error ?? "", /ENOENT/);
});

test("size and time are bounded, for each item and together", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sysdump-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const log = join(directory, "agent.log");
  writeFileSync(log, Array.from({ length: 200 }, (_, line) => `line ${line}\n`).join(""));
  const never = { path: "never", read: () => new Promise<string>(() => undefined) };
  const small = { ...generous, itemBytes: 100, itemMs: 200 };
  const { files, outcomes } = await collect(
    [{ path: "log", file: log }, { path: "long", read: () => "x".repeat(101) }, never],
    small,
  );
  assert.match(files.get("log") ?? "", /^line 18\d\n[\s\S]*line 199\n$/);
  assert.equal(files.get("long"), "x".repeat(100));
  assert.deepEqual(
    outcomes.map(({ truncated }) => truncated),
    [true, true, false],
  );
  assert.equal(outcomes[2]?.error, "it was not there after 200 ms");

  const three = ["a", "b", "c"].map((path) => ({ path, read: () => "x".repeat(60) }));
  const full = await collect(three, { ...generous, totalBytes: 100 });
  assert.equal(full.outcomes[2]?.error, "there was no room left");
  const late = await collect(three, { ...generous, totalMs: 0 });
  assert.equal(late.outcomes[0]?.error, "there was no time left");
  const stopped = await collect(three, generous, AbortSignal.abort());
  assert.equal(stopped.outcomes[0]?.error, "the sysdump was interrupted");
});

test("a command that prints too much is cut off, one that does not end is ended, and the next one runs", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sysdump-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const socket = join(directory, "silent.sock");
  const silent = createServer(() => undefined).listen(socket);
  await once(silent, "listening");
  t.after(() => silent.close());
  using runner = new CommandRunner(process.env);
  const help = { path: "help", command: ["shell", "--help"] };
  const cut = { ...generous, itemBytes: 50 };
  const first = await runner.run(help, cut);
  assert.deepEqual([first.bytes.length, first.truncated, first.error], [50, true, undefined]);
  const stuck = { path: "stuck", command: ["monitor", "--monitor-socket", socket] };
  assert.equal((await runner.run(stuck, { ...generous, itemMs: 200 })).error, "it was ended after 200 ms");
  assert.deepEqual(await runner.run(help, cut), first);
  const wrong = await runner.run({ path: "wrong", command: ["no-such-command"] }, generous);
  assert.match(wrong.error ?? "", /^Error: unknown command 'no-such-command'/);
});
