// SPDX-License-Identifier: Apache-2.0
// The shell's socket as a script uses it, and clients that mean it ill.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { eventually } from "../../core/testing.ts";
import type { Metric, StatedbChange, StatedbRow } from "../models.ts";
import { createMemoryAgent } from "../testing.ts";
import type { StatedbApi } from "../types.ts";
import { ShellClient } from "./client.ts";
import { quoteWord, splitLine } from "./line.ts";
import { createShellServer, maxSessions } from "./server.ts";

const rows: readonly StatedbRow[] = [
  { Name: "a", Labels: ["x=1", "y=2"], Note: "ends in <<end>>" },
  { Name: "b c", Labels: [], Note: "two\nlines\u001b[31m" },
];

const bucket = (le: string, value: number): Metric => ({
  ...{ name: "cilium_call_seconds_bucket", labels: { le, call: "x" }, value },
});
const metrics: readonly Metric[] = [
  { name: "cilium_drop_count_total", value: 3, labels: { reason: "Policy denied", direction: "INGRESS" } },
  ...[bucket("0.001", 50), bucket("0.01", 90), bucket("1", 100), bucket("+Inf", 100)],
  { name: "cilium_call_seconds_sum", value: 1, labels: { call: "x" } },
  { name: "cilium_call_seconds_count", value: 100, labels: { call: "x" } },
  { name: "cilium_up", value: 1 },
];

/** How many watches are going on, with what they go on, and what else was asked for. */
class Watched {
  watchers = 0;
  /** How often rows were asked for. */
  shown = 0;

  async *changes(signal: AbortSignal): AsyncGenerator<StatedbChange, void, void> {
    this.watchers++;
    try {
      yield { rev: 1, key: "a", obj: rows[0] ?? {}, init: true };
      yield { rev: 2, key: "a", obj: rows[0] ?? {}, deleted: true };
      if (!signal.aborted) await once(signal, "abort");
    } finally {
      this.watchers--;
    }
  }
}

async function serve(t: TestContext, many: readonly StatedbRow[] = rows) {
  const directory = mkdtempSync(join(tmpdir(), "shell-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const socketPath = join(directory, "shell.sock");
  const watched = new Watched();
  const statedb: StatedbApi = {
    tables: () => [
      {
        ...{ name: "things", objects: many.length, revision: 4, indexes: ["Name"], initializers: ["etcd"] },
        columns: ["Name", "Labels", "Note"],
      },
    ],
    rows: (table) => {
      watched.shown++;
      return table === "things" ? many : undefined;
    },
    query: ({ key }) => many.filter(({ Name }) => String(Name).startsWith(key)),
    changes: (table, signal) => (table === "things" ? watched.changes(signal) : undefined),
  };
  const { api } = createMemoryAgent({ override: { statedb, metrics: () => metrics } });
  const server = createShellServer({ api, socketPath });
  await server.start();
  t.after(() => server.stop());
  return { socketPath, watched };
}

/** All that the agent answers to bytes, after which the client ends its side. */
function exchange(socketPath: string, sent: string): Promise<string> {
  const socket = createConnection({ path: socketPath, allowHalfOpen: true });
  socket.end(sent);
  return text(socket);
}

/** Reads until the agent closes. */
async function closed(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  // How it is closed, with an error or without, is not the matter.
  await new Promise<void>((resolve) =>
    socket
      .on("error", () => undefined)
      .once("close", () => resolve())
      .resume(),
  );
}

test("a script's lines are answered one after the other, each with its marker", async (t) => {
  const { socketPath } = await serve(t);
  assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  assert.equal(
    await exchange(socketPath, "db\n# nothing\n\ndb/show things --columns=name,Note\nnonsense\nexit\ndb\n"),
    [
      "Name     Object count   Zombie objects   Indexes   Initializers   Revision",
      "things   2              0                Name      [etcd]         4",
      "<<end>>",
      "<<end>>",
      "<<end>>",
      "[stdout]",
      "Name   Note",
      "a      ends in <<end>> ",
      "b c    two\\nlines\\x1b[31m",
      "<<end>>",
      'Cannot run "nonsense": no such command (see help)<<error>>',
      "",
    ].join("\n"),
  );
  assert.equal(
    await exchange(socketPath, "metrics '^cilium_up$'"),
    "Metric      Labels   Value\ncilium_up            1.000000\n<<end>>\n",
  );
});

test("tables are shown in each format, metrics with their quantiles", async (t) => {
  const { socketPath } = await serve(t);
  using client = await ShellClient.open(socketPath);
  const run = async (...words: string[]) => {
    let all = "";
    await client.runWords(words, (text) => {
      all += text;
    });
    return all;
  };
  const json = await run("db/get", "things", "a", "-f", "json");
  assert.deepEqual(JSON.parse(json), rows[0]);
  assert.equal(await run("db/prefix", "things", "b c", "-columns", "Name", "--format=yaml"), "Name: b c\n");
  assert.equal(await run("db", "list", "things", "nobody"), "Name   Labels   Note\n");
  assert.deepEqual(JSON.parse(await run("db/dump")), { things: rows });
  assert.equal(
    await run("metrics", "seconds.*call=x"),
    "Metric                Labels   Value\ncilium_call_seconds   call=x   1ms / 10ms / 901ms\n",
  );
  assert.deepEqual(JSON.parse(await run("metrics", "-format=json", "drop")), metrics.slice(0, 1));
  for (const [words, message] of [
    [["db/show"], /name is missing \(there are things\)/],
    [["db/show", "none"], /no such table \(there are things\)/],
    [["db/show", "things", "-o=/tmp/x"], /unknown option "-o=\/tmp\/x" \(it has --columns, --format\)/],
    [["db/show", "things", "-format"], /option "-format" needs a value/],
    [["db/show", "things", "-format=xml"], /unknown \(expected table, json or yaml\)/],
    [["db/watch", "things", "-format=yaml"], /unknown format \(expected table or json\)/],
    [["db/show", "things", "-columns=Nope"], /no such column \(there are Name, /],
    [["db/get", "things"], /the key is missing/],
    [["metrics", "("], /Cannot use pattern "\("/],
    [["db/shwo"], /did you mean db\/show\?/],
  ] as const) {
    await assert.rejects(run(...words), message, words.join(" "));
  }
  await assert.rejects(
    client.run("db 'x", () => {}),
    /a quote at character 4 does not end/,
  );
});

test("commands and their arguments are completed", async (t) => {
  const { socketPath } = await serve(t);
  assert.equal(await exchange(socketPath, "help -a db/l\n"), "[stdout]\ndb/list\ndb/lowerbound\n<<end>>\n");
  const completed = (args: string) => exchange(socketPath, `db/show --autocomplete='${args}'\n`);
  assert.equal(await completed("th"), "[stdout]\ndb/show things\n<<end>>\n");
  assert.equal(await completed("things --fo"), "[stdout]\ndb/show things --format\n<<end>>\n");
  assert.equal(await completed("things --format=j"), "[stdout]\ndb/show things --format=json\n<<end>>\n");
  assert.match(await exchange(socketPath, "help\n"), /^db\/show \[--.* table\n\tShow all rows of a table$/m);
  assert.match(await exchange(socketPath, "db/get -h\n"), /^\t {2}-i, --index string /m);
});

test("a watch goes on until its client goes away", async (t) => {
  const { socketPath, watched } = await serve(t);
  const stop = new AbortController();
  using client = await ShellClient.open(socketPath, stop.signal);
  let shown = "";
  const watching = client.run("db/watch things --columns=Name,Labels", (text) => {
    shown += text;
    if (shown.includes("(deleted)")) stop.abort();
  });
  await watching;
  assert.equal(shown, "Name   Labels\na      x=1, y=2\na      x=1, y=2 (deleted)\n");
  await eventually("the watch ended", async () => watched.watchers === 0);
});

test("a client that floods, does not end its line, or does not read is sent away, and holds nobody up", async (t) => {
  const many = Array.from({ length: 20_000 }, (_, at) => ({ Name: `n${at}`, Labels: ["x".repeat(100)], Note: "" }));
  const { socketPath, watched } = await serve(t, many);
  // It asks for more than a connection holds, and takes nothing of it.
  const deaf = createConnection(socketPath).pause();
  deaf.write("db/show things\n".repeat(50));
  const long = createConnection(socketPath);
  long.write("x".repeat(5000));
  assert.equal(await text(long), "Cannot read a line: it has more than 4096 characters<<error>>\n");
  const flood = createConnection(socketPath).pause();
  flood.on("error", () => undefined);
  flood.write("db/show things\n".repeat(300_000));
  await closed(flood);
  assert.match(await exchange(socketPath, "metrics up\n"), /^Metric/);
  assert.ok(watched.shown < 50, `${watched.shown} answers were made for clients that are gone`);
  deaf.destroy();
});

test("more sessions than there may be end the oldest", async (t) => {
  const { socketPath } = await serve(t);
  const sessions: Socket[] = [];
  t.after(() => {
    for (const session of sessions) session.destroy();
  });
  for (let at = 0; at <= maxSessions; at++) {
    const session = createConnection(socketPath).setEncoding("utf8");
    sessions.push(session);
    session.write("metrics up\n");
    await once(session, "data");
  }
  const [oldest, second] = sessions;
  assert.ok(oldest && second);
  await closed(oldest);
  second.write("exit\n");
  await closed(second);
});

test("words come through a line as they are", () => {
  for (const words of [["db/get", "a b", "it's", "", "#x", "'"], ["x"], []]) {
    assert.deepEqual(splitLine(words.map(quoteWord).join(" ")), words);
  }
  assert.deepEqual(splitLine("  db/show   x # and more 'of it"), ["db/show", "x"]);
});
