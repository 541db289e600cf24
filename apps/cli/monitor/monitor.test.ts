// SPDX-License-Identifier: Apache-2.0
// monitor from the socket to the screen, with records as the programs write them.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import * as abi from "../../../src/abi/index.ts";
import { type AgentApi, createMonitorServer, type DropQuery, encodeAgentNotify } from "../../../src/api/index.ts";
import { createMemoryAgent } from "../../../src/api/testing.ts";
import { configureLogging, ip16 } from "../../../src/core/index.ts";
import { eventually } from "../../../src/core/testing.ts";
import { identities } from "../fixtures.ts";
import { type CliResult, golden, startCli } from "../harness.ts";

configureLogging({ level: "silent" });

/** Ethernet, IPv4 10.1.0.99 -> 10.1.0.234, TCP 45000 -> 80 SYN. */
const packet = Uint8Array.from([
  ...[0x02, 0, 0, 0, 0, 0x0b, 0x02, 0, 0, 0, 0, 0x0a, 0x08, 0x00],
  ...[0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 1, 0, 99, 10, 1, 0, 234],
  ...[0xaf, 0xc8, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0],
]);

function header(type: number, subtype: number, source: number): abi.EventHeader {
  const lenCap = packet.length;
  return { type, subtype, source, hash: 0xabc, lenOrig: 74, lenCap, version: 2, extVersion: 0 };
}

function drop(fields: Partial<abi.DropEvent> = {}, reason = 133): Uint8Array {
  const body = abi.encodeDropEvent({
    header: header(abi.EventType.EVENT_DROP, reason, 1234),
    sourceIdentity: 4711,
    destinationIdentity: 24151,
    destinationEndpoint: 1234,
    line: 88,
    file: 2,
    extError: 0,
    ifindex: 0,
    flags: 0,
    direction: 1,
    ipTraceId: 0n,
    cookie: 0,
    policySet: 5,
    ...fields,
  });
  return Buffer.concat([body, packet]);
}

function trace(point: number, source: number, destinationEndpoint: number): Uint8Array {
  const body = abi.encodeTraceEvent({
    header: header(abi.EventType.EVENT_TRACE, point, source),
    sourceIdentity: 24151,
    destinationIdentity: 1,
    destinationEndpoint,
    reason: 1,
    flags: 0,
    ifindex: 0,
    originalAddress: ip16("0.0.0.0"),
    ipTraceId: 0n,
  });
  return Buffer.concat([body, packet]);
}

function verdict(change: { cookie?: number; staged?: number; stagedCookie?: number } = {}): Uint8Array {
  const body = abi.encodePolicyVerdictEvent({
    header: header(abi.EventType.EVENT_POLICY_VERDICT, 0, 1234),
    remoteIdentity: 4711,
    verdict: -133,
    destinationPort: 80,
    protocol: 6,
    flags: 1,
    authType: 0,
    cookie: 0,
    policySet: 5,
    staged: 0,
    stagedCookie: 0,
    ...change,
  });
  return Buffer.concat([body, packet]);
}

/** Debug and capture messages; the bodies that Cilium's programs write. */
function debug(subtype: number, ...args: readonly [number, number, number]): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  bytes.set([abi.EventType.EVENT_DEBUG, subtype]);
  for (const [i, value] of [0xabc, ...args].entries()) view.setUint32(4 + 4 * i, value, true);
  view.setUint16(2, 99, true);
  return bytes;
}

function capture(point: number, first: number): Uint8Array {
  const bytes = new Uint8Array(24 + packet.length);
  abi.encodeEventHeader(header(abi.EventType.EVENT_CAPTURE, point, 99), bytes);
  new DataView(bytes.buffer).setUint32(16, first, true);
  bytes.set(packet, 24);
  return bytes;
}

/** A socket that connected to 10.96.0.1:443. */
function traceSock(): Uint8Array {
  const bytes = new Uint8Array(38);
  bytes.set([7, 1, 10, 96, 0, 1]);
  const view = new DataView(bytes.buffer);
  view.setUint16(18, 443, true);
  view.setBigUint64(20, 77n, true);
  view.setBigUint64(28, 8772n, true);
  view.setUint8(36, 1);
  return bytes;
}

const agentRecords = [
  encodeAgentNotify("Policy updated", { labels: ["k8s:io.cilium.k8s.policy.name=rule1"], revision: 3, rule_count: 1 }),
  encodeAgentNotify("Endpoint created", { id: 99, labels: ["k8s:app=\u001b[31mred"] }),
];
const records = [
  ...[drop(), trace(5, 99, 0), trace(0, 99, 1234), trace(4, 99, 0), verdict()],
  ...[debug(1, 5, 6, 7), capture(9, 0x1027), capture(6, 3), traceSock(), ...agentRecords],
];

interface Watch {
  readonly args?: readonly string[];
  readonly data?: readonly Uint8Array[];
  readonly lost?: number;
  readonly override?: Partial<AgentApi>;
}

/** Runs `monitor` until everything that was sent is there, then interrupts it. */
async function watch(
  t: TestContext,
  { args = [], data = records, lost = 0, override = {} }: Watch,
): Promise<CliResult> {
  const stop = new AbortController();
  const { promise: listening, resolve: listens } = Promise.withResolvers<void>();
  const agent = createMemoryAgent({ identities, override });
  const api: AgentApi = {
    ...agent.api,
    subscribeMonitor: (listener) => {
      listens();
      return agent.api.subscribeMonitor(listener);
    },
  };
  const cli = await startCli(t, api);
  // Every form shows one of the two.
  const end = drop({ line: 4242, header: { ...header(abi.EventType.EVENT_DROP, 133, 1234), lenOrig: 4242 } });
  const running = cli.run(["monitor", ...args], {
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)]),
    onOutput: (text) => {
      if (text.includes("4242")) stop.abort();
    },
  });
  await listening;
  for (const bytes of data) agent.emit({ data: bytes, cpu: 1, lost: 0, type: 9 });
  if (lost > 0) agent.emit({ data: new Uint8Array(0), cpu: 1, lost, type: 2 });
  agent.emit({ data: end, cpu: 1, lost: 0, type: 9 });
  return running;
}

for (const [name, args] of [
  ["monitor", []],
  ["monitor-numeric", ["-n"]],
  ["monitor-verbose", ["-v"]],
  ["monitor-very-verbose", ["-vv"]],
  ["monitor-very-verbose", ["-v", "--verbose"]],
  ["monitor-json", ["-j"]],
  ["monitor-json", ["-o", "json", "-v"]],
] as const) {
  test(`monitor ${args.join(" ")} prints testdata/${name}.txt`, async (t) => {
    const { code, stdout, stderr } = await watch(t, { args, lost: 3 });
    assert.equal(code, 0);
    assert.match(stderr, /^Listening for events on \d+ CPUs with 64x4096 of shared memory\nPress Ctrl-C to quit\n/);
    assert.match(stderr, /Received an interrupt, disconnecting from monitor\.\.\.\n\n$/);
    golden(name, stdout);
  });
}

test("monitor asks why a packet was dropped with everything the event tells", async (t) => {
  const queries: DropQuery[] = [];
  const override: Partial<AgentApi> = {
    explainDrop: (query) => {
      queries.push(query);
      if (query.cookie === 9) return { kind: "rule", policy: "default/deny", section: "ingressDeny[0]" };
      const fields = [{ field: "org", expected: "org=empire", found: "org=alliance" }];
      const nearestMiss = { rule: { policy: "default/rule1", section: "ingress[0]" }, fields };
      return { kind: "default-deny", by: ["default/rule1", "default/rule2"], nearestMiss };
    },
  };
  const { stdout } = await watch(t, { data: [drop(), drop(), drop({ cookie: 9 }, 181)], override });
  assert.match(stdout, / {3}ingress default deny by policy default\/rule1, default\/rule2\n/);
  assert.match(stdout, / {3}nearest rule default\/rule1 ingress\[0\]: org: expected org=empire, found org=alliance\n/);
  assert.match(stdout, / {3}denied by policy default\/deny ingressDeny\[0\]\n/);
  assert.equal(queries.length, 2, "equal drops are asked about once");
  assert.deepEqual(queries[0], {
    endpoint: 1234,
    direction: "ingress",
    sourceIdentity: 4711,
    destinationIdentity: 24151,
    protocol: 6,
    port: 80,
    cookie: 0,
    policySet: 5,
  });
});

test("a policy verdict names the rule that decided, and the staged one", async (t) => {
  const rule = {
    policy: "default/rule1",
    kind: "CiliumNetworkPolicy",
    direction: "ingress" as const,
    section: "ingress[0]",
  };
  const override: Partial<AgentApi> = {
    policyRules: () => [
      { cookie: 16, rule },
      { cookie: 17, rule: { ...rule, policy: "default/new", section: "ingressDeny[0]" } },
    ],
  };
  const data = [verdict({ cookie: 16, staged: 2, stagedCookie: 17 }), verdict({ cookie: 99 })];
  const { stdout } = await watch(t, { data, override });
  assert.match(stdout, / {3}ingress deny by policy default\/rule1 ingress\[0\] \(CiliumNetworkPolicy\)\n/);
  assert.match(stdout, / {3}with staged policies: deny by policy default\/new ingressDeny\[0\] \(Cilium/);
  assert.equal(stdout.match(/\(CiliumNetworkPolicy\)/g)?.length, 2, "an unknown cookie names nothing");
  const json = await watch(t, { data, override, args: ["-j"] });
  assert.equal(
    (JSON.parse(json.stdout.split("\n")[0] ?? "") as { rule: { policy: string } }).rule.policy,
    "default/rule1",
  );
});

test("monitor shows labels that are not known, or not harmless, as such", async (t) => {
  const data = [
    drop({ sourceIdentity: 5000, destinationIdentity: 666 }),
    drop({ sourceIdentity: 0, destinationIdentity: 2 }, 132),
  ];
  const { stdout } = await watch(t, { data });
  assert.match(
    stdout,
    / {3}from identity 5000 \[labels not known\]\n {3}to {3}identity 666 \[k8s:evil=\\x1b\[31mred\\u202e\]\n/,
  );
  assert.match(stdout, /xx drop \(Invalid source ip\) .* identity unknown->world: /);
  assert.match(stdout, / {3}to {3}identity 2 \[reserved:world\]\n/);
});

test("monitor filters by type and endpoint", async (t) => {
  const lines = async (args: readonly string[]): Promise<number> => {
    const { stdout } = await watch(t, { args: [...args, "-n"] });
    return stdout.split("\n").filter((line) => line !== "" && !line.includes(":4242")).length;
  };
  // The record that ends it is a drop.
  const drops = ["-t", "drop"];
  assert.equal(await lines(drops), 1);
  assert.equal(await lines(["-t", "drop,policy-verdict"]), 1 + 1);
  assert.equal(await lines([...drops, "-t", "agent", "-t", "capture"]), 1 + 4);
  assert.equal(await lines([...drops, "-t", "debug"]), 1 + 1);
  assert.equal(await lines([...drops, "-t", "l7", "--type", "trace-sock"]), 1 + 1);
  assert.equal(await lines([...drops, "-t", "l7"]), 1);
  assert.equal(await lines(["--related-to", "1234"]), 3);
  assert.equal(await lines(["--to", "1234"]), 2);
});

test("monitor --hex prints the packet's bytes", async (t) => {
  const { stdout } = await watch(t, { args: ["--hex", "-n"], data: [trace(5, 99, 0)] });
  assert.match(stdout, /00000000 {2}02 00 00 00 00 0b 02 00 {2}00 00 00 0a 08 00 45 00 {2}\|\.{14}E\.\|\n/);
});

test("monitor survives records it cannot read", async (t) => {
  const noise = Array.from({ length: 50 }, (_, i) =>
    Uint8Array.from({ length: i }, (_unused, at) => (i * 37 + at * 11) & 255),
  );
  const { code, stdout } = await watch(t, { data: noise });
  assert.equal(code, 0);
  assert.match(stdout, /Unknown event type/);
});

test("monitor goes on with the agent that comes back", async (t) => {
  const agent = createMemoryAgent({ identities });
  const cli = await startCli(t, agent.api);
  const socketPath = `${cli.socketPath}.restarting`;
  const stop = new AbortController();
  const printed = { text: "" };
  const running = cli.run(["monitor", "-n", "--monitor-socket", socketPath], {
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)]),
    onOutput: (text) => {
      printed.text = text;
    },
  });
  for (const line of [4241, 4242]) {
    const server = createMonitorServer({ api: agent.api, socketPath });
    await server.start();
    await eventually("it listens", () => server.listeners === 1);
    agent.emit({ data: drop({ line }), cpu: 1, lost: 0, type: 9 });
    await eventually("the record is printed", () => printed.text.includes(`:${line},`));
    if (line === 4242) stop.abort();
    await server.stop();
  }
  const { code, stderr } = await running;
  assert.equal(code, 0);
  assert.match(stderr, /^The agent closed the connection, waiting for it to come back$/m);
});

test("monitor says that the agent went away", async (t) => {
  const cli = await startCli(t, createMemoryAgent().api);
  const { createServer } = await import("node:net");
  const server = createServer((socket) => socket.end()).listen(`${cli.socketPath}.closing`);
  t.after(() => server.close());
  const { code, stderr } = await cli.run(["monitor", "--monitor-socket", `${cli.socketPath}.closing`]);
  assert.equal(code, 1);
  assert.match(stderr, /Error: Cannot go on: the agent closed ".*closing" \(was it stopped\?\)\n$/);
});

test("monitor says of a verdict what staged policies would do", async (t) => {
  const staged = verdict();
  staged[29] = abi.PolicyStaged.STAGED_DEFAULT_DENY;
  const { stdout } = await watch(t, { data: [staged] });
  assert.match(stdout, /action deny, auth: disabled, match none, staged default-deny, 10\.1\.0\.99:45000/);
});
