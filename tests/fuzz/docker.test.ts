// SPDX-License-Identifier: Apache-2.0
// The Docker plug-in on hostile requests: always a JSON answer, an error with one line of text, and no device left.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { TestPlugin } from "../../apps/docker/testing.ts";
import { configureLogging } from "../../src/core/index.ts";
import { assertNoPollution, fuzz } from "./random.ts";

configureLogging({ level: "silent" });
let plugin: TestPlugin;

before(async () => {
  plugin = await TestPlugin.create("fuzz");
});
after(async () => await plugin?.dispose());

const ids = { NetworkID: "a".repeat(64), EndpointID: "b".repeat(64) };
const generic = { "com.docker.network.generic": { namespace: "shop" } };
const pool = { AddressSpace: "CiliumLocal", Pool: "", SubPool: "", Options: {}, V6: false };

const good: readonly (readonly [string, object])[] = [
  ["Plugin.Activate", {}],
  ["NetworkDriver.GetCapabilities", {}],
  [
    "NetworkDriver.CreateNetwork",
    { ...ids, Options: generic, IPv4Data: [{ AddressSpace: "CiliumLocal" }], IPv6Data: [] },
  ],
  ["NetworkDriver.DeleteNetwork", ids],
  ["NetworkDriver.CreateEndpoint", { ...ids, Interface: { Address: "10.77.0.9/32", MacAddress: "" }, Options: {} }],
  ["NetworkDriver.Join", { ...ids, SandboxKey: "/var/run/docker/netns/1", Options: {} }],
  [
    "NetworkDriver.ProgramExternalConnectivity",
    { ...ids, Options: { "com.docker.network.portmap": [{ Proto: 6, Port: 80, HostIP: "", HostPort: 8080 }] } },
  ],
  ["NetworkDriver.RevokeExternalConnectivity", ids],
  ["NetworkDriver.Leave", ids],
  ["NetworkDriver.DeleteEndpoint", ids],
  ["IpamDriver.RequestPool", pool],
  ["IpamDriver.RequestAddress", { PoolID: "CiliumPoolv4", Address: "", Options: {} }],
  ["IpamDriver.ReleaseAddress", { PoolID: "CiliumPoolv4", Address: "10.77.0.10" }],
];

fuzz("requests of any kind get an answer", 400, async (random) => {
  const [name, body] = random.pick(good);
  const path = random.chance(0.9) ? `/${name}` : `/${encodeURI(random.mutateText(name).toWellFormed())}`;
  const text = JSON.stringify(random.chance(0.9) ? random.mutate(body) : random.json()) ?? "";
  const sent = random.chance(0.8) ? text : random.mutateText(text);
  const { status, body: answer } = await plugin.post(path, sent, random.chance(0.95) ? "POST" : "GET");
  assert.ok([200, 400, 404, 405, 500].includes(status), `status ${status} for ${path} ${sent}`);
  if (status !== 200) assert.match(String(answer.Err), /^Cannot [^\n]*$/, `${path} ${sent}`);
  assert.ok(plugin.running);
  assertNoPollution();
});

test("requests too deep or too large are refused", async () => {
  const deep = await plugin.post("/NetworkDriver.Join", `{"Options":${"[".repeat(100_000)}${"]".repeat(100_000)}}`);
  assert.equal(deep.status, 400);
  const large = await plugin.post("/NetworkDriver.Join", `{"NetworkID":"${"x".repeat(1024 * 1024)}"}`);
  assert.match(String(large.body.Err), /^Cannot read request: more than 1048576 bytes$/);
});

test("what the requests made goes with its deletion", async () => {
  const made = readdirSync(plugin.state).flatMap((name) => /^endpoint-(\w+)\.json$/.exec(name)?.[1] ?? []);
  for (const EndpointID of made) {
    assert.deepEqual(await plugin.call("NetworkDriver.DeleteEndpoint", { ...ids, EndpointID }), {
      status: 200,
      body: {},
    });
  }
  assert.deepEqual(plugin.devices(), []);
});
