// SPDX-License-Identifier: Apache-2.0
// shell, statedb, metrics and features against an agent in memory.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  ApiError,
  type KernelFeatures,
  type Metric,
  type StatedbApi,
  type StatedbChange,
  type StatedbRow,
} from "../../src/api/index.ts";
import { createMemoryAgent } from "../../src/api/testing.ts";
import { type Cli, golden, startCli } from "./harness.ts";

const rows: readonly StatedbRow[] = [
  { Prefix: "10.1.0.5/32", Identity: 4711, Labels: ["k8s:app=x", "k8s:tier=front"], Status: "done", Error: "" },
  { Prefix: "10.1.0.6/32", Identity: 2, Labels: ["reserved:world"], Status: "error", Error: "full\u001b[31m" },
];

async function* endlessly(signal: AbortSignal): AsyncGenerator<StatedbChange, void, void> {
  yield { rev: 7, key: "10.1.0.5/32", obj: rows[0] ?? {} };
  yield { rev: 7, key: "10.1.0.6/32", obj: rows[1] ?? {}, init: true };
  yield { rev: 8, key: "10.1.0.6/32", obj: { ...rows[1], Status: "done", Error: "" } };
  yield { rev: 9, key: "10.1.0.5/32", obj: rows[0] ?? {}, deleted: true };
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

const statedb: StatedbApi = {
  tables: () => [
    {
      ...{ name: "ipcache", objects: 2, revision: 9, indexes: ["Prefix", "Identity"], initializers: ["etcd"] },
      columns: ["Prefix", "Identity", "Labels", "Status", "Error"],
    },
    { ...{ name: "nodes", objects: 0, revision: 0, indexes: ["Name"], initializers: [] }, columns: ["Name"] },
  ],
  rows: (table) => (table === "ipcache" ? rows : []),
  query: ({ key, match, index = "Prefix" }) => {
    if (index !== "Prefix") throw new ApiError(400, `Cannot query table "ipcache": no index "${index}"`);
    return rows.filter(({ Prefix }) => (match === "prefix" ? String(Prefix).startsWith(key) : Prefix === key));
  },
  changes: (_, signal) => endlessly(signal),
};

const metrics: readonly Metric[] = [
  { name: "cilium_drop_count_total", value: 3, labels: { reason: "Policy denied", direction: "INGRESS" } },
  { name: "cilium_endpoint", value: 12 },
  { name: "cilium_feature_datapath_config", value: 1, labels: { mode: "veth" } },
];

const features: KernelFeatures = {
  kernel: "6.1.0",
  features: [
    {
      ...{ name: "tcx", available: false, "min-kernel": "6.6", config: "CONFIG_NET_XGRESS" },
      ...{ reason: "EINVAL", fallback: "programs are attached as clsact filters" },
    },
    { name: "vxlan", available: true, "min-kernel": "3.7", config: "CONFIG_VXLAN", fallback: "none" },
    { name: "kprobe", available: false, "min-kernel": "4.1", reason: "it is not there" },
  ],
};

async function setup(t: TestContext): Promise<Cli> {
  const override = { statedb, metrics: () => metrics, features: () => features };
  return startCli(t, createMemoryAgent({ override }).api);
}

const screens: Readonly<Record<string, readonly string[]>> = {
  "shell-db": ["shell", "--", "db"],
  "shell-db-show": ["shell", "--", "db/show", "ipcache"],
  "shell-db-show-columns": ["shell", "--", "db show ipcache -columns=identity,Status"],
  "shell-db-get-yaml": ["shell", "--", "db/get", "ipcache", "10.1.0.5/32", "--format", "yaml"],
  "shell-help": ["shell", "--", "help"],
  "statedb-dump": ["statedb", "dump", "ipcache"],
  "statedb-show-json": ["statedb", "show", "ipcache", "--format", "json", "--columns", "Prefix,Labels"],
  "metrics-list": ["metrics", "list"],
  "metrics-list-json": ["metrics", "list", "-p", "drop_", "-p", "^nothing$", "-o", "json"],
  features: ["features"],
  "features-missing-json": ["features", "--missing", "-o", "json"],
  "features-status": ["features", "status"],
};

for (const [name, args] of Object.entries(screens)) {
  test(`cilium ${args.join(" ")} prints testdata/${name}.txt`, async (t) => {
    const { run } = await setup(t);
    const { code, stdout, stderr } = await run(args);
    assert.equal(stderr, "");
    assert.equal(code, 0);
    golden(name, stdout);
  });
}

test("db/watch prints all rows, then changes until it is interrupted", async (t) => {
  const { run } = await setup(t);
  for (const [args, name, last] of [
    [["shell", "--", "db/watch", "ipcache"], "shell-db-watch", "(deleted)"],
    [["statedb", "watch", "ipcache", "--format", "json"], "statedb-watch-json", '"deleted":true'],
  ] as const) {
    const stop = new AbortController();
    const onOutput = (stdout: string) => {
      if (stdout.includes(last)) stop.abort();
    };
    const { code, stdout } = await run(args, { signal: stop.signal, onOutput });
    assert.equal(code, 0);
    golden(name, stdout);
  }
});

test("status says what is done instead of features that the kernel lacks, and nothing where it lacks none", async (t) => {
  const missing = [{ name: "tcx", fallback: "programs are attached as clsact filters" }];
  const healthz = (more: object) => () => ({ cilium: { state: "Ok" as const }, "attach-mode": "tc" as const, ...more });
  const screen = async (more: object) => {
    const { run } = await startCli(t, createMemoryAgent({ override: { healthz: healthz(more) } }).api);
    return (await run(["status"])).stdout;
  };
  assert.match(
    await screen({ "missing-features": missing }),
    /^Attach Mode: +Legacy TC\nMissing Features: +tcx: programs are attached as clsact filters\n/m,
  );
  assert.doesNotMatch(await screen({ "missing-features": [] }), /Missing/);
});

test("the shell reads lines where no terminal is, and goes on after an error", async (t) => {
  const { run } = await setup(t);
  const { code, stdout, stderr } = await run(["shell"], { stdin: "db/show nowhere\n\ndb/shwo\nmetrics endpoint\n" });
  assert.equal(code, 1);
  assert.equal(stdout, "Metric            Labels   Value\ncilium_endpoint            12.000000\n");
  assert.equal(
    stderr,
    'Error: Cannot show table "nowhere": no such table (there are ipcache, nodes)\n' +
      'Error: Cannot run "db/shwo": no such command (did you mean db/show?)\n',
  );
});

test("what the shell cannot do is an error of the command", async (t) => {
  const { run } = await setup(t);
  for (const [args, message] of [
    [["shell", "--", "db/show ipcache -nope=1"], /^Error: .*unknown option "-nope=1"/],
    [["statedb", "get", "ipcache", "x", "--index", "Nope"], /^Error: Cannot query table "ipcache"/],
    [["statedb", "show", "a table"], /^Error: Cannot show table "a table": no such table/],
    [["metrics", "list", "-p", "("], /^Error: Cannot use pattern/],
    [["shell", "--shell-sock-path", "/nowhere/shell.sock", "db"], /^Error: Cannot reach the agent at "\/nowhere/],
  ] as const) {
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual([code, stdout], [1, ""], args.join(" "));
    assert.match(stderr, message);
  }
  assert.equal((await run(["shell", "--", "db\ndb"])).code, 1);
});
