// SPDX-License-Identifier: Apache-2.0
// The commands' screens against testdata, their exit codes and errors.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Command } from "commander";
import type { AgentApi } from "../../src/api/index.ts";
import { createMemoryAgent, type MemoryAgent, type MemoryAgentOptions, streamOf } from "../../src/api/testing.ts";
import { configureLogging } from "../../src/core/index.ts";
import { cgroups, endpoints, identities, ips, mapEvents, maps, nodes, selectors, status } from "./fixtures.ts";
import { type Cli, golden, startCli } from "./harness.ts";
import { createProgram } from "./program.ts";

configureLogging({ level: "silent" });

async function setup(t: TestContext, options: MemoryAgentOptions = {}): Promise<Cli & { agent: MemoryAgent }> {
  const override: Partial<AgentApi> = {
    healthz: () => status,
    mapList: () => ({ maps }),
    map: (name) => maps.find(({ path }) => path.endsWith(`/${name}`)),
    mapEvents: () => streamOf(mapEvents),
    cgroups: () => ({ "pod-metadatas": cgroups }),
    policySelectors: () => selectors,
    policySubjectSelectors: () => selectors.slice(0, 1),
    endpointConfig: () => ({
      immutable: { SourceIPVerification: "Enabled" },
      realized: { options: { Debug: "false" } },
    }),
    ...options.override,
  };
  const agent = createMemoryAgent({ endpoints, identities, ips, nodes, ...options, override });
  return { ...(await startCli(t, agent.api)), agent };
}

const screens: Readonly<Record<string, readonly string[]>> = {
  status: ["status"],
  "status-verbose": ["status", "--verbose"],
  "endpoint-list": ["endpoint", "list"],
  "endpoint-get": ["endpoint", "get", "pod-name:default:pod-99"],
  "endpoint-get-labels": ["endpoint", "get", "-l", "k8s:org=empire", "-o", "jsonpath={[*].id}"],
  "endpoint-log": ["endpoint", "log", "1234"],
  "endpoint-health": ["endpoint", "health", "1234"],
  "endpoint-labels": ["endpoint", "labels", "99"],
  "identity-list": ["identity", "list"],
  "identity-list-endpoints": ["identity", "list", "--endpoints"],
  "identity-get": ["identity", "get", "4711"],
  "identity-get-json": ["identity", "get", "666", "-o", "json"],
  "identity-get-yaml": ["identity", "get", "4711", "-o", "yaml"],
  "ip-list": ["ip", "list"],
  "ip-list-verbose": ["ip", "list", "-n", "-v"],
  "node-list": ["node", "list"],
  "ip-get": ["ip", "get", "10.1.0.9/32"],
  "ip-get-labels": ["ip", "get", "-l", "k8s:org=empire,k8s:class=deathstar"],
  "nodeid-list": ["nodeid", "list"],
  "map-list": ["map", "list"],
  "map-list-verbose": ["map", "ls", "--verbose"],
  "map-get": ["map", "get", "cilium_ipcache_v2"],
  "map-events": ["map", "events", "cilium_ipcache_v2"],
  "cgroups-list": ["cgroups", "list"],
  "encrypt-status": ["encrypt", "status"],
  "endpoint-config": ["endpoint", "config", "99"],
  "endpoint-config-options": ["endpoint", "config", "--list-options"],
  "policy-get": ["policy", "get"],
  "policy-selectors": ["policy", "selectors"],
  "policy-selectors-verbose": ["policy", "selectors", "-v"],
  "policy-subject-selectors": ["policy", "subject-selectors"],
  config: ["config", "--all"],
  "config-options": ["config", "--list-options"],
  "config-json": ["config", "-o", "json"],
  "config-get": ["config", "get", "PolicyEnforcement"],
};

for (const [name, args] of Object.entries(screens)) {
  test(`cilium ${args.join(" ")} prints testdata/${name}.txt`, async (t) => {
    const cli = await setup(t);
    const { code, stdout, stderr } = await cli.run(args);
    assert.equal(stderr, "");
    assert.equal(code, 0);
    golden(name, stdout);
  });
}

test("nothing printed can steer the terminal", async (t) => {
  const { run } = await setup(t);
  for (const output of [[], ["-o", "json"], ["-o", "yaml"], ["-o", "jsonpath={[*].labels}"]]) {
    const { stdout } = await run(["identity", "list", ...output]);
    assert.ok(stdout.includes("k8s:evil="));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    assert.doesNotMatch(stdout, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  }
  const json = await run(["identity", "get", "666", "-o", "json"]);
  assert.deepEqual((JSON.parse(json.stdout) as { labels: string[] }[])[0]?.labels, identities[3]?.labels);
});

test("endpoint list --no-headers leaves the header out", async (t) => {
  const { run } = await setup(t);
  const { stdout } = await run(["endpoint", "list", "--no-headers"]);
  assert.match(stdout, /^7 {2,}Disabled {2,}Disabled {2,}<no label id> {2,}no labels {2,}No address {2,}No address/);
});

test("without an agent every command says what to do in one line", async (t) => {
  const { run, socketPath } = await startCli(t, undefined);
  const line = `Error: Cannot reach the agent at "${socketPath}": ENOENT (is cilium-agent running? set CILIUM_SOCK or --host)\n`;
  for (const args of [["status"], ["endpoint", "list"], ["policy", "get"], ["config"], ["node", "list"]]) {
    assert.deepEqual(await run(args), { code: 1, stdout: "", stderr: line }, args.join(" "));
  }
  assert.match((await run(["monitor"])).stderr, /^Error: Cannot reach the agent at ".*monitor1_2\.sock": ENOENT/);
  assert.equal((await run(["status", "--brief"])).stderr, "cilium: daemon unreachable\n");
  const version = await run(["version"]);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^Client: \d.*\nDaemon: Not responding \(Cannot reach/);
});

test("wrong usage is exit code 1 and one line", async (t) => {
  const { run } = await setup(t);
  const cases: [string[], RegExp][] = [
    [["nonsense"], /unknown command 'nonsense'/],
    [["endpoint", "nonsense"], /unknown command 'nonsense'/],
    [["status", "--nonsense"], /unknown option '--nonsense'/],
    [["endpoint", "log"], /missing required argument 'id'/],
    [["endpoint", "get"], /give either an id or --labels/],
    [["status", "-o", "xml"], /output format "xml": unknown/],
    [["status", "-o", "jsonpath={.a[?(.b)]}"], /no @-path/],
    [["-H", "tcp://1.2.3.4", "status"], /not a unix socket/],
    [["config", "Debug"], /not OPTION=VALUE/],
    [["monitor", "-t", "nonsense"], /type "nonsense": unknown/],
    [["monitor", "-o", "yaml"], /"yaml" here: expected json/],
    [["identity", "get", "abc"], /not a number/],
    [["policy", "delete"], /give either a name or --all/],
    [["bpf", "policy", "get"], /give endpoint numbers or --all/],
    [["status", "--timeout", "soon"], /not a duration/],
    [["policy", "wait", "soon"], /not a number/],
    [["config", "--num-pages", "128"], /cannot be changed here/],
    [["kvstore", "get", "a", "--kvstore-opt", "x"], /not NAME=VALUE/],
    [["kvstore", "set"], /give --key/],
    [["status", "--verbose=perhaps"], /unknown option '--verbose=perhaps'/],
    [["endpoint", "list", "-o=wide"], /output format "wide": unknown/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await run(args);
    assert.equal(code, 1, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, /^Error: [^\n]+\n$/);
    assert.match(stderr, message);
    assert.equal(stdout, "");
  }
});

test("options are taken as Go's flag library takes them, and those of the program behind the command too", async (t) => {
  const { run } = await setup(t);
  const brief = { code: 0, stdout: "error in controller announce-node: etcd is gone\n", stderr: "" };
  const global = ["--log-driver", "syslog", "--log-opt=format=json", "--config", "/none", "-D"];
  for (const args of [
    ["status", "--brief=true"],
    ["status", "--brief=1", "--verbose=false", "--timeout=5s", "--require-k8s-connectivity=false"],
    [...global, "status", "--brief"],
    ["status", "--brief", ...global, "-D=false"],
  ]) {
    assert.deepEqual(await run(args), brief, args.join(" "));
  }
  const sorted = endpoints.toSorted((a, b) => a.id - b.id);
  for (const args of [["-o=json"], ["-ojson"], ["-o", "json"], ["--output=json"], ["--output", "json"]]) {
    assert.deepEqual(JSON.parse((await run(["endpoint", "list", ...args])).stdout), sorted, args.join(" "));
  }
  const revision = await run(["policy", "get", "-o=jsonpath={.revision}"]);
  assert.equal(revision.stdout, "1\n");
  assert.match((await run(["endpoint", "list", "--no-headers=false"])).stdout, /^ENDPOINT /);
  assert.match((await run(["endpoint", "ls", "--no-headers=true"])).stdout, /^7 /);
});

test("a group without a subcommand prints its help", async (t) => {
  const { run } = await setup(t);
  for (const [args, name] of [
    [[], "cilium"],
    [["bpf"], "cilium bpf"],
    [["bpf", "ct"], "cilium bpf ct"],
  ] as const) {
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.match(stdout, new RegExp(`^Usage: ${name} \\[options\\] \\[command\\]\n`));
  }
  const asDebug = await run(["endpoint", "--help"], { env: { CILIUM_PROGRAM: "cilium-dbg" } });
  assert.match(asDebug.stdout, /^Usage: cilium-dbg endpoint /);
});

test("every list is ls too", async () => {
  const lists = (command: Command): readonly Command[] => [
    ...command.commands.filter((child) => child.name() === "list" && child.commands.length === 0),
    ...command.commands.flatMap(lists),
  ];
  const io = { env: {}, stdout: () => {}, stderr: () => {}, stdin: async () => "", now: () => 0 };
  const groups = (await createProgram({ ...io, signal: new AbortController().signal }, [])).commands;
  for (const group of groups.filter((each) => !["statedb", "sandbox"].includes(each.name()))) {
    for (const list of lists(group)) assert.deepEqual(list.aliases(), ["ls"], `${list.parent?.name()} list`);
  }
});

test("an answer of the agent that is an error is exit code 1", async (t) => {
  const { run } = await setup(t);
  assert.deepEqual(await run(["endpoint", "get", "4444"]), {
    code: 1,
    stdout: "",
    stderr: 'Error: Cannot find endpoint "4444": no such endpoint\n',
  });
  assert.equal((await run(["config", "get", "nothing"])).code, 1);
  assert.equal((await run(["endpoint", "disconnect", "99"])).stdout, "Endpoint 99 successfully disconnected\n");
});

test("an endpoint that left something behind is told on stderr", async (t) => {
  const { run } = await setup(t, { override: { deleteEndpoint: () => ({ deleted: 1, errors: ["a", "b"] }) } });
  assert.deepEqual(await run(["endpoint", "disconnect", "99"]), {
    code: 0,
    stdout: "Endpoint 99 successfully disconnected\n",
    stderr: "Objects of endpoint 99 that could not be removed: 2 (see the agent's log)\n",
  });
});

const rule1 = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: rule1
spec:
  endpointSelector:
    matchLabels: {org: empire, class: deathstar}
  ingress:
    - fromEndpoints:
        - matchLabels: {org: empire}
      toPorts:
        - ports: [{port: "80", protocol: TCP}]
`;

test("policy import, get and delete work with files and standard input", async (t) => {
  const { run, agent } = await setup(t);
  const directory = mkdtempSync(join(tmpdir(), "cli-policy-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "rule1.yaml");
  writeFileSync(file, rule1);
  assert.deepEqual(await run(["policy", "import", file]), { code: 0, stdout: "Revision: 2\n", stderr: "" });
  assert.equal((await run(["policy", "import", "-", "-o", "jsonpath={.revision}"], { stdin: rule1 })).stdout, "3\n");
  assert.equal((agent.policies[0] as { metadata: { name: string } }).metadata.name, "rule1");
  assert.match((await run(["policy", "get"])).stdout, /"name": "rule1"[\s\S]*\nRevision: 3\n$/);
  assert.equal((await run(["policy", "delete", "--all"])).stdout, "Revision: 4\n");
  assert.equal((await run(["policy", "delete", "default/rule1"])).code, 1);
});

test("policy validate needs no agent, names what is valid, and where it is not", async (t) => {
  const { run } = await startCli(t, undefined);
  const two = `${rule1}---\n${rule1.replace("rule1", "rule2")}`;
  assert.deepEqual(await run(["policy", "validate", "-"], { stdin: two }), {
    code: 0,
    stdout: 'Policy "default/rule1" is valid\nPolicy "default/rule2" is valid\n',
    stderr: "",
  });
  const bad = await run(["policy", "validate", "-"], { stdin: rule1.replace('"80"', '"70000"') });
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /^standard input, document 1, line \d+: error: policy "default\/rule1": spec.*70000/);
  assert.equal(bad.stderr, "Error: Cannot use 1 of the policies: 1 problem(s), see above\n");
  assert.equal((await run(["policy", "validate", "-"], { stdin: "" })).code, 1);
  assert.match((await run(["policy", "validate", "/nonexistent"])).stderr, /Cannot read "\/nonexistent": ENOENT/);
});

test("config changes options", async (t) => {
  const { run } = await setup(t);
  assert.equal((await run(["config", "Debug=Enabled"])).code, 0);
  assert.equal((await run(["config", "get", "Debug"])).stdout, "Enabled\n");
  assert.match((await run(["config", "Nope=1"])).stderr, /"Nope": unknown option/);
});

test("endpoint labels adds and deletes what users give", async (t) => {
  const { run, agent } = await setup(t);
  const user = () => agent.endpoints.get(99)?.status.labels.realized?.user;
  assert.equal((await run(["endpoint", "labels", "99", "-a", "k8s:a=b,c", "--add", "x:d=e"])).code, 0);
  assert.deepEqual(user(), ["k8s:a=b", "unspec:c", "x:d=e"]);
  assert.equal((await run(["endpoint", "labels", "99", "-d", "a=b", "-d", "unspec:c"])).code, 0);
  assert.deepEqual(user(), ["x:d=e"]);
});

test("policy wait ends when all endpoints run the revision, or fails in time", async (t) => {
  const all = endpoints.slice(0, 2);
  const { run } = await setup(t, { endpoints: all });
  assert.deepEqual(await run(["policy", "wait", "2"]), { code: 0, stdout: "", stderr: "" });
  const late = await run(["policy", "wait", "3", "--max-wait-time", "0"]);
  assert.deepEqual(late, { code: 1, stdout: "", stderr: "Error: 2 endpoints still not ready after 0s (0 failed)\n" });
  let looks = 0;
  const realized = { policy: { realized: { "policy-revision": 9, "policy-enabled": "none" as const } } };
  const later = all.map((endpoint) => ({ ...endpoint, status: { ...endpoint.status, ...realized } }));
  const soon = await setup(t, { override: { listEndpoints: () => (looks++ === 0 ? all : later) } });
  const waited = await soon.run(["policy", "wait", "9", "--sleep-time", "0"]);
  assert.equal(waited.stdout, `\rWaiting for endpoints to run policy revision 9: 0/2${" ".repeat(14)}\n`);
});
