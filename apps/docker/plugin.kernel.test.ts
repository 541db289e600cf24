// SPDX-License-Identifier: Apache-2.0
// The plug-in's devices in a real kernel, and what an engine gave up while it was away.
import assert from "node:assert/strict";
import { readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { configureLogging } from "../../src/core/index.ts";
import { Rtnetlink } from "../../src/kernel/index.ts";
import { deviceNames } from "./device.ts";
import { type PluginAnswer, TestPlugin } from "./testing.ts";

configureLogging({ level: "silent" });
let plugin: TestPlugin;

before(async () => {
  plugin = await TestPlugin.create("test");
});
after(async () => await plugin?.dispose());

const call = (name: string, body: object) => plugin.call(name, body);
const networkId = "a".repeat(64);
const idOf = (n: number) => n.toString(16).padStart(64, "0").split("").reverse().join("");

function makeEndpoint(id: string, more: object = {}): Promise<PluginAnswer> {
  const given = { Address: "10.77.0.50/32", AddressIPv6: "fd00:77::50/128", MacAddress: "", ...more };
  return call("NetworkDriver.CreateEndpoint", { NetworkID: networkId, EndpointID: id, Interface: given, Options: {} });
}

test("an endpoint is a closed pair until it is joined; making it again keeps its MAC; deleting it again is fine", async () => {
  const id = idOf(1);
  const names = deviceNames(id);
  const first = await makeEndpoint(id);
  assert.deepEqual(await makeEndpoint(id), first);
  const { MacAddress } = first.body.Interface as { MacAddress: string };
  {
    using rtnl = new Rtnetlink({ netns: plugin.netns });
    const [host, inner] = [rtnl.link(names.host), rtnl.link(names.container)];
    assert.deepEqual([host?.up, inner?.up, inner?.mac, inner?.mtu], [false, false, MacAddress, 1450]);
  }
  const joined = await call("NetworkDriver.Join", { NetworkID: networkId, EndpointID: id, SandboxKey: "" });
  assert.equal(joined.status, 500);
  assert.match(
    String(joined.body.Err),
    /Cannot ask the Docker engine at ".*none\.sock" \(set --docker-socket\).*ENOENT/,
  );
  assert.deepEqual(plugin.agent.created, []);
  const reference = { NetworkID: networkId, EndpointID: id };
  for (const name of ["Leave", "Leave", "DeleteEndpoint", "DeleteEndpoint", "Leave"]) {
    assert.deepEqual(await call(`NetworkDriver.${name}`, reference), { status: 200, body: {} });
  }
  assert.deepEqual([plugin.devices(), readdirSync(plugin.state)], [[], []]);
});

test("a given MAC is used, and is not told back", async () => {
  const id = idOf(2);
  assert.deepEqual((await makeEndpoint(id, { MacAddress: "02:42:00:00:00:09" })).body, { Interface: {} });
  {
    using rtnl = new Rtnetlink({ netns: plugin.netns });
    assert.equal(rtnl.link(deviceNames(id).container)?.mac, "02:42:00:00:00:09");
  }
  await call("NetworkDriver.DeleteEndpoint", { NetworkID: networkId, EndpointID: id });
  assert.deepEqual(plugin.devices(), []);
});

test("what the engine gave up while the plug-in was away goes when it starts; what is young stays", async () => {
  const [old, young] = [idOf(3), idOf(4)];
  for (const id of [old, young]) assert.equal((await makeEndpoint(id)).status, 200);
  const path = join(plugin.state, `endpoint-${old}.json`);
  const long = new Date(statSync(path).mtimeMs - 3_600_000);
  utimesSync(path, long, long);
  await plugin.stop();
  await plugin.start();
  assert.deepEqual(readdirSync(plugin.state), [`endpoint-${young}.json`]);
  const { host, container } = deviceNames(young);
  assert.deepEqual(plugin.devices(), [host, container].sort());
  await call("NetworkDriver.DeleteEndpoint", { NetworkID: networkId, EndpointID: young });
});
