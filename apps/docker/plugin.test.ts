// SPDX-License-Identifier: Apache-2.0
// What the engine asks before there is any device: pools, addresses, networks. Nothing here reaches the kernel.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { AgentClient, createApiServer } from "../../src/api/index.ts";
import { createMemoryAgent, type MemoryAgent } from "../../src/api/testing.ts";
import { configureLogging } from "../../src/core/index.ts";
import { Engine } from "./engine.ts";
import { pluginCalls } from "./plugin.ts";
import { Store, type StoredEndpoint } from "./store.ts";
import { Turns } from "./turns.ts";

configureLogging({ level: "silent" });

interface Setup {
  readonly agent: MemoryAgent;
  readonly folder: string;
  call(name: string, body?: object): Promise<Record<string, unknown>>;
}

async function setUp(
  t: TestContext,
  addressing?: object,
  publish: (endpoints: readonly StoredEndpoint[]) => void = () => {},
): Promise<Setup> {
  const folder = mkdtempSync(join(tmpdir(), "docker-"));
  const socketPath = join(folder, "cilium.sock");
  const plain = createMemoryAgent();
  const config = await plain.api.getConfig();
  const ranges = addressing ?? {
    ipv4: { enabled: true, ip: "10.77.0.1", "alloc-range": "10.77.0.0/24" },
    ipv6: { enabled: true, ip: "fd00:77::1", "alloc-range": "fd00:77::/112" },
  };
  const agent = createMemoryAgent({
    override: { getConfig: () => ({ ...config, status: { ...config.status, addressing: ranges } }) },
  });
  const server = createApiServer({ api: agent.api, socketPath });
  await server.start();
  t.after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });
  const calls = pluginCalls({
    agent: new AgentClient({ socketPath }),
    engine: new Engine(join(folder, "no-docker.sock")),
    store: new Store(join(folder, "state")),
    turns: new Turns(),
    publish,
    nameLater: () => {},
  });
  return {
    agent,
    folder,
    call: async (name, body = {}) => ({ ...(await calls[`/${name}`]?.(body)) }),
  };
}

const pool = (fields: object) => ({ AddressSpace: "CiliumLocal", Pool: "", SubPool: "", Options: null, ...fields });

test("the engine is told of both drivers and of one pool a family", async (t) => {
  const { call } = await setUp(t);
  assert.deepEqual(await call("Plugin.Activate"), { Implements: ["NetworkDriver", "IpamDriver"] });
  assert.equal((await call("NetworkDriver.GetCapabilities")).Scope, "local");
  assert.deepEqual(await call("IpamDriver.RequestPool", pool({ V6: false })), {
    PoolID: "CiliumPoolv4",
    Pool: "0.0.0.0/0",
    Data: { "com.docker.network.gateway": "10.77.0.1/32" },
  });
  const ipv6 = {
    PoolID: "CiliumPoolv6",
    Pool: "fd00:77::/112",
    Data: { "com.docker.network.gateway": "fd00:77::1/128" },
  };
  for (const Pool of ["", "fd00:77:0::/112", "::1/112"]) {
    assert.deepEqual(await call("IpamDriver.RequestPool", pool({ V6: true, Pool })), ipv6);
  }
  assert.equal((await call("IpamDriver.RequestPool", pool({ Pool: "10.77.0.0/24" }))).Pool, "10.77.0.0/24");
});

test("addresses are lent by the agent, and go back unless an endpoint has claimed them", async (t) => {
  const { call, agent, folder } = await setUp(t);
  const free = [...agent.freeIpv4];
  const request = (Address = "", Options = {}) =>
    call("IpamDriver.RequestAddress", { PoolID: "CiliumPoolv4", Address, Options });
  assert.deepEqual(await request(), { Address: "10.77.0.10/32" });
  assert.deepEqual(readdirSync(join(folder, "state")), ["lease-10.77.0.10"]);
  assert.deepEqual(await request("10.77.0.99"), { Address: "10.77.0.99/32" });
  assert.deepEqual(await request("", { RequestAddressType: "com.docker.network.gateway" }), {
    Address: "10.77.0.1/32",
  });
  for (const address of ["10.77.0.10", "10.77.0.10", "10.77.0.1", "10.77.0.11"]) {
    assert.deepEqual(await call("IpamDriver.ReleaseAddress", { PoolID: "CiliumPoolv4", Address: address }), {});
  }
  assert.deepEqual(agent.freeIpv4.toSorted(), free);
  assert.deepEqual(readdirSync(join(folder, "state")), []);
});

test("an address that an agent lends a second time stays with who has it", async (t) => {
  const { call, agent, folder } = await setUp(t);
  const request = () => call("IpamDriver.RequestAddress", { PoolID: "CiliumPoolv4" });
  assert.deepEqual(await request(), { Address: "10.77.0.10/32" });
  const lease = join(folder, "state/lease-10.77.0.10");
  writeFileSync(lease, "of an agent before");
  agent.freeIpv4.unshift("10.77.0.10");
  assert.deepEqual(await request(), { Address: "10.77.0.11/32" });
  assert.equal(readFileSync(lease, "utf8"), "uuid4");
  const long = new Date(Date.now() - 3_600_000);
  utimesSync(lease, long, long);
  agent.freeIpv4.unshift("10.77.0.10");
  assert.deepEqual(await request(), { Address: "10.77.0.10/32" });
});

test("ports in force stay with a repeated call that fails; a deletion does not fail for them", async (t) => {
  let failure: Error | undefined;
  const inForce: unknown[] = [];
  const { call, folder } = await setUp(t, undefined, (endpoints) => {
    if (failure !== undefined) throw failure;
    inForce.splice(0, Infinity, ...endpoints.flatMap(({ published = [] }) => published.map((it) => it.hostPort)));
  });
  const store = new Store(join(folder, "state"));
  const [first, second] = ["e1", "e2"].map((id) => id.padEnd(64, "0"));
  const base = { networkId: "a".repeat(64), mac: "02:00:00:00:00:01", ipv4: "10.77.0.10" };
  for (const id of [first, second]) store.saveEndpoint(id ?? "", base);
  const program = async (EndpointID = "", HostPort = 0) => {
    const portMap = [{ Proto: 132, Port: 80, HostPort }];
    const Options = { "com.docker.network.portmap": portMap };
    return await call("NetworkDriver.ProgramExternalConnectivity", { NetworkID: base.networkId, EndpointID, Options });
  };
  await program(first, 8080);
  await program(second, 8081);
  await program(second, 8082);
  assert.deepEqual(inForce.toSorted(), [8080, 8082]);
  const before = store.endpoint(second ?? "");
  await assert.rejects(program(second, 8080), /a container or a program of the node has it/);
  failure = new Error("nftables says no");
  await assert.rejects(program(second, 8083), /nftables says no/);
  assert.deepEqual([store.endpoint(second ?? ""), inForce.toSorted()], [before, [8080, 8082]]);
  const reference = { NetworkID: base.networkId, EndpointID: second };
  assert.deepEqual(await call("NetworkDriver.DeleteEndpoint", reference), {});
  failure = undefined;
  await call("NetworkDriver.Leave", { ...reference, EndpointID: first });
  assert.deepEqual([inForce, store.endpoints()], [[], [base]]);
});

const refusals: readonly (readonly [string, string, object, RegExp])[] = [
  ["a foreign subnet", "IpamDriver.RequestPool", pool({ Pool: "10.7.0.0/16" }), /the agent's is 10\.77\.0\.0\/24/],
  ["a part of the pool", "IpamDriver.RequestPool", pool({ SubPool: "10.77.0.0/28" }), /no --ip-range/],
  ["options of a pool", "IpamDriver.RequestPool", pool({ Options: { x: "y" } }), /unknown option "x" \(--ipam-opt\)/],
  ["an unknown pool", "IpamDriver.RequestAddress", { PoolID: "p" }, /expected CiliumPoolv4 or CiliumPoolv6/],
  [
    "an address outside of the pool",
    "IpamDriver.RequestAddress",
    { PoolID: "CiliumPoolv4", Address: "10.78.0.1" },
    /outside of the agent's prefix/,
  ],
  [
    "an address of the other family",
    "IpamDriver.RequestAddress",
    { PoolID: "CiliumPoolv6", Address: "10.77.0.9" },
    /not an IPv6 address/,
  ],
  [
    "another gateway",
    "IpamDriver.RequestAddress",
    {
      ...{ PoolID: "CiliumPoolv4", Address: "10.77.0.2" },
      Options: { RequestAddressType: "com.docker.network.gateway" },
    },
    /it is 10\.77\.0\.1 on this node/,
  ],
  [
    "ids that are no names",
    "NetworkDriver.Join",
    { NetworkID: "../../etc", EndpointID: "x" },
    /field "NetworkID": not an/,
  ],
  [
    "an endpoint without addresses",
    "NetworkDriver.CreateEndpoint",
    { NetworkID: "a".repeat(64), EndpointID: "b".repeat(64), Interface: null },
    /it has no address/,
  ],
  [
    "joining what is not there",
    "NetworkDriver.Join",
    { NetworkID: "a".repeat(64), EndpointID: "b".repeat(64) },
    /there is none of that id/,
  ],
  [
    "a namespace that is none",
    "NetworkDriver.CreateNetwork",
    { NetworkID: "a".repeat(64), Options: { "com.docker.network.generic": { namespace: "A B" } } },
    /namespace "A B" is not/,
  ],
];

for (const [what, name, body, reason] of refusals) {
  test(`refused with its reason: ${what}`, async (t) => {
    const { call } = await setUp(t);
    await assert.rejects(
      call(name, body),
      (error: Error) => error.name === "RequestError" && reason.test(error.message),
    );
  });
}

test("a family that the agent does not have is refused", async (t) => {
  const { call } = await setUp(t, { ipv4: { enabled: true, ip: "10.77.0.1" }, ipv6: { enabled: false } });
  await assert.rejects(call("IpamDriver.RequestPool", pool({ V6: true })), /the agent has none \(set enable-ipv6\)/);
});
