// SPDX-License-Identifier: Apache-2.0
// A node's tables as they change, its kernel's features and its metrics, by the commands that people use.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { AgentNode } from "../../apps/agent/testing.ts";

let node: AgentNode;

before(async () => {
  node = new AgentNode();
  await node.startAgent();
  await node.cni("ADD", "a");
});

after(async () => await node?.close());

const program = join(import.meta.dirname, "../../bin/cilium-dbg");
const env = () => ({ CILIUM_SOCK: node.client.socketPath });
const cilium = (...args: string[]) => node.run("node", [program, ...args], env());

test("db/watch shows a pod that comes and one that goes, until it is interrupted", async () => {
  const columns = "-columns=Pod,State,Status";
  const watch = node.spawn("node", [program, "shell", "--", `db/watch endpoints ${columns}`], env());
  let shown = "";
  watch.stdout?.on("data", (chunk) => {
    shown += chunk;
  });
  const closed = once(watch, "close");
  const sees = (what: string, pattern: RegExp) => node.until(what, async () => pattern.test(shown));
  await sees("the pod that is there", /^Pod +State +Status\n/);
  await node.cni("ADD", "b");
  await sees("the new pod", /^default\/b +ready +done$/m);
  await node.cni("DEL", "b");
  await sees("that it went", /^default\/b .*\(deleted\)$/m);
  watch.kill("SIGINT");
  assert.deepEqual(await closed, [0, null], shown);
});

test("every table can be shown, with how far its reconciler is", async () => {
  const { stdout } = await cilium("shell", "--", "db");
  const names = [...stdout.matchAll(/^([a-z-]+) {2,}\d/gm)].map(([, name = ""]) => name);
  const wanted = [
    "cilium-configs",
    "datapath-objects",
    "devices",
    "endpoints",
    "health",
    "identities",
    "mtu",
    "neighbors",
    "node-addresses",
    "node-ids",
    "sysctl",
    "ipcache",
    "nat-stats",
  ];
  for (const name of [...wanted, "node-health", "nodes", "policies", "resources", "routes", "selectors"]) {
    assert.ok(names.includes(name), `no table ${name} in ${stdout}`);
  }
  const dump = JSON.parse((await cilium("statedb", "dump")).stdout) as Record<string, Record<string, unknown>[]>;
  assert.deepEqual(Object.keys(dump).sort(), names.sort());
  for (const table of ["endpoints", "ipcache", "datapath-objects"]) {
    for (const row of dump[table] ?? []) assert.equal(row.Status, "done", `${table}: ${JSON.stringify(row)}`);
  }
  const devices = await cilium("statedb", "get", "devices", "cilium_host", "--index", "Name");
  assert.match(
    devices.stdout,
    /^Name +Index +Type +MTU +HWAddr +Flags +OperStatus +Addresses\ncilium_host +\d+ +veth +\d+ +\S+ +up\|\S+ +up /,
  );
  assert.match((await cilium("statedb", "show", "devices", "--columns", "Name,Type")).stdout, /^cilium_host +veth$/m);
});

test("a script talks to the shell's socket, line by line", async () => {
  const socket = createConnection(join(dirname(node.client.socketPath), "shell.sock"));
  socket.write(
    "db/show endpoints --columns=Pod,State\nmetrics ^cilium_endpoint$\ndb/get nodes nobody\nexec id\nexit\n",
  );
  assert.equal(
    await text(socket),
    [
      ...["[stdout]", "Pod         State", "default/a   ready", "<<end>>"],
      ...["Metric            Labels   Value", "cilium_endpoint            1.000000", "<<end>>"],
      ...["[stdout]", "Name   IPv4   IPv6   IPv4PodCIDR   IPv6PodCIDR   Source", "<<end>>"],
      ...['Cannot run "exec": no such command (see help)<<error>>', ""],
    ].join("\n"),
  );
});

test("features, metrics and status tell of the same kernel and node", async () => {
  const features = (await cilium("features")).stdout;
  assert.match(features, /^Kernel \d[\s\S]*^veth +yes +\S+ +CONFIG_VETH +none: the agent does not start/m);
  const probes = features.split("\n").slice(2, -1);
  assert.ok(probes.length > 30 && probes.every((line) => /^\w+ +(yes|no) +\d+\.\S+ +CONFIG_\w+ /.test(line)), features);
  const { code, stdout } = await cilium("metrics", "list", "-p", "^cilium_endpoint_state$", "-o", "json");
  assert.equal(code, 0);
  const states = (JSON.parse(stdout) as { value: number }[]).filter(({ value }) => value > 0);
  assert.deepEqual(states, [{ name: "cilium_endpoint_state", value: 1, labels: { endpoint_state: "ready" } }]);
  assert.match((await cilium("features", "status")).stdout, /^cilium_feature_datapath_attach +mode=tcx? +1\.0/m);
  // What the kernel has not is told of with what is done instead, and only then.
  const replaced = /^tcx +no /m.test(features);
  assert.equal(/^Missing Features: +tcx: /m.test((await cilium("status")).stdout), replaced);
});
