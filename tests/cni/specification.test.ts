// SPDX-License-Identifier: Apache-2.0
// The CNI specification, 0.3.1 to 1.1.0, case by case: bin/cilium-cni with a real agent, beside one of Debian's plugins.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { agentClient, killAgent, nodeOf, sandboxPaths, startAgent, waitForAgent } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { deleteNetns, Rtnetlink } from "../../src/kernel/index.ts";
import { Scenario } from "../scenarios/harness.ts";
import { type Answer, Caller, type Container } from "./caller.ts";
import { errorCases } from "./errors.cases.ts";

const versions = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
const folder = mkdtempSync(join(tmpdir(), "cni-spec-"));
let scenario: Scenario;
let caller: Caller;

before(async () => {
  symlinkSync("loop", join(folder, "loop"));
  writeFileSync(join(folder, "file"), "");
  scenario = await Scenario.create("cni-spec", { nodes: 1 });
  caller = new Caller(scenario);
});
after(async () => {
  caller?.stop();
  await scenario?.delete();
  rmSync(folder, { recursive: true });
});

/** Ids of containers that the agent has endpoints of, in networks of the tests. */
async function attached(): Promise<string[]> {
  const endpoints = await agentClient(scenario.sandbox, nodeOf(scenario.sandbox, "node1")).listEndpoints();
  return endpoints
    .map(({ status }) => status["external-identifiers"])
    .filter((ids) => ids["cni-network"] !== undefined)
    .map((ids) => ids["container-id"] ?? "");
}

function device(container: Container) {
  using rtnl = new Rtnetlink({ netns: container.netns });
  const link = rtnl.link("eth0");
  return {
    mac: link?.mac,
    addresses: link === undefined ? [] : rtnl.addresses({ ifindex: link.ifindex }).map(({ address }) => address),
  };
}

function addresses(answer: Answer): string[] {
  return (answer.ips ?? []).map(({ address }) => address.split("/")[0] ?? "");
}

async function added(config = {}, env = {}): Promise<[Container, Answer]> {
  const container = caller.container();
  const answer = await caller.call("ADD", container, config, env);
  assert.equal(answer.code, undefined, answer.msg ?? "");
  return [container, answer];
}

test("VERSION tells all versions, in whichever it is asked", async () => {
  const container = { id: "", netns: "" };
  for (const cniVersion of [...versions, "9.9.9"]) {
    const answer = await caller.call("VERSION", container, { cniVersion });
    assert.equal(answer.cniVersion, cniVersion === "9.9.9" ? "1.1.0" : cniVersion);
    assert.ok(versions.every((version) => answer.supportedVersions?.includes(version)));
  }
});

for (const cniVersion of versions) {
  test(`${cniVersion}: ADD's result, what comes behind takes it, CHECK, and DEL as often as one likes`, async () => {
    const [container, result] = await added({ cniVersion, "not-ours": { to: ["judge"] } });
    const [host, pod] = result.interfaces ?? [];
    assert.equal(result.cniVersion, cniVersion);
    assert.match(host?.name ?? "", /^lxc[0-9a-f]{12}$/);
    assert.deepEqual([host?.sandbox, pod?.name, pod?.sandbox], [undefined, "eth0", container.netns]);
    assert.equal(pod?.mac, device(container).mac);
    assert.deepEqual(
      result.ips?.map((ip) => [ip.version, ip.interface, /\/(32|128)$/.test(ip.address), ip.gateway !== undefined]),
      cniVersion.startsWith("0.")
        ? [
            ["4", 1, true, true],
            ["6", 1, true, true],
          ]
        : [
            [undefined, 1, true, true],
            [undefined, 1, true, true],
          ],
    );
    assert.deepEqual(
      result.routes?.filter(({ gw }) => gw !== undefined).map(({ dst }) => dst),
      ["0.0.0.0/0", "::/0"],
    );
    assert.equal(pod?.mtu !== undefined, cniVersion === "1.1.0");
    assert.deepEqual(result.dns, {});

    // Debian's plugins know versions up to 1.0.0.
    if (cniVersion !== "1.1.0") {
      const tuning = {
        cniVersion,
        type: "tuning",
        sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1" },
        prevResult: result,
      };
      const behind = await caller.call("ADD", container, tuning, {}, "/usr/lib/cni/tuning");
      assert.deepEqual(addresses(behind), addresses(result));
      await caller.call("DEL", container, tuning, {}, "/usr/lib/cni/tuning");
    }
    if (cniVersion !== "0.3.1") {
      assert.deepEqual(await caller.call("CHECK", container, { cniVersion, prevResult: result }), {});
      const other = { ...result, ips: [{ address: "10.9.9.9/32", interface: 1 }] };
      assert.equal((await caller.call("CHECK", container, { cniVersion, prevResult: other })).code, 104);
    }
    assert.equal((await caller.call("ADD", container, { cniVersion })).code, 103);

    for (const env of [{}, {}, { CNI_NETNS: "" }, { CNI_NETNS: `${container.netns}-gone` }]) {
      assert.deepEqual(await caller.call("DEL", container, { cniVersion, prevResult: result }, env), {});
    }
    assert.deepEqual(device(container).addresses, []);
    assert.ok(!(await attached()).includes(container.id));
  });
}

test("DEL without ADD, and after an ADD that failed, is fine in all versions", async () => {
  const container = caller.container();
  for (const cniVersion of versions) {
    assert.deepEqual(await caller.call("DEL", container, { cniVersion }), {});
    const failed = await caller.call("ADD", container, { cniVersion, labels: ["reserved:host"] });
    assert.deepEqual([failed.code, failed.cniVersion], [105, cniVersion]);
    assert.deepEqual(await caller.call("DEL", container, { cniVersion }), {});
  }
});

test("DEL finds everything without a namespace and without a result", async () => {
  const [container] = await added();
  deleteNetns(container.netns);
  assert.deepEqual(await caller.call("DEL", container, {}, { CNI_NETNS: "" }), {});
  assert.ok(!(await attached()).includes(container.id));
});

test("a container that ended without DEL is added again under its id", async () => {
  const [container] = await added();
  deleteNetns(container.netns);
  const again = { ...caller.container(), id: container.id };
  const devices = () => device(again).addresses.length;
  await eventually("the device to go", async () => (await caller.call("ADD", again)).code === undefined);
  assert.ok(devices() > 0);
  assert.deepEqual(await attached(), [container.id]);
  assert.equal((await caller.call("ADD", again)).code, 103);
  assert.deepEqual(await caller.call("DEL", again), {});
});

test("a container has as many interfaces as it is given", async () => {
  const [container] = await added();
  const second = await caller.call("ADD", container, {}, { CNI_IFNAME: "net1" });
  assert.equal(second.interfaces?.[1]?.name, "net1");
  assert.deepEqual(await caller.call("DEL", container, {}, { CNI_IFNAME: "net1" }), {});
  assert.notDeepEqual(device(container).addresses, []);
  assert.deepEqual(await caller.call("DEL", container), {});
});

describe("what the runtime asks for", () => {
  const range = () => nodeOf(scenario.sandbox, "node1").ipv4PodCidr?.replace(/\.0\/24$/, "") ?? "";

  test("a MAC and addresses by runtimeConfig, and by CNI_ARGS", async () => {
    const wanted = { mac: "02:00:00:00:12:34", ips: [`${range()}.200/24`] };
    const [first, result] = await added({ runtimeConfig: wanted });
    assert.equal(device(first).mac, wanted.mac);
    assert.deepEqual([addresses(result)[0], addresses(result).length], [`${range()}.200`, 2]);
    const [second] = await added({}, { CNI_ARGS: `IgnoreUnknown=1;IP=${range()}.201;MAC=02:00:00:00:12:35;X=y` });
    assert.equal(device(second).mac, "02:00:00:00:12:35");
    assert.ok(device(second).addresses.includes(`${range()}.201`));
    // One that somebody has is refused, and stays that one's.
    const third = await caller.call("ADD", caller.container(), { runtimeConfig: { ips: [`${range()}.200`] } });
    assert.equal(third.code, 105, third.msg ?? "");
    assert.match(third.msg ?? "", new RegExp(`${range()}\\.200`));
    assert.deepEqual(await caller.call("CHECK", first, { prevResult: result }), {});
    for (const container of [first, second]) assert.deepEqual(await caller.call("DEL", container), {});
    assert.deepEqual(await caller.call("DEL", (await added({ runtimeConfig: wanted }))[0]), {});
  });

  test("ports and limits of plugins behind ours: packets take no short cuts past them", async () => {
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
    for (const runtimeConfig of [{ portMappings }, { bandwidth: { ingressRate: 8000, ingressBurst: 8000 } }, {}]) {
      const [container] = await added({ runtimeConfig });
      // Programs that are links from the start leave the qdiscs to others.
      using host = new Rtnetlink({ netns: sandboxPaths(scenario.name).node("node1").netns });
      using pod = new Rtnetlink({ netns: container.netns });
      const onQdisc = host.clsactDevices().includes(pod.link("eth0")?.peerIfindex ?? 0);
      assert.equal(onQdisc, Object.keys(runtimeConfig).length === 0);
      await caller.call("DEL", container);
    }
  });
});

describe("an agent that is killed in the middle of an ADD", () => {
  // The agent runs the plugin for paths below /run/netns, Node does for others.
  for (const path of ["/run/netns/", "/run/../run/netns/"]) {
    test(`is waited for (${path})`, async () => {
      const container = caller.container();
      const node = nodeOf(scenario.sandbox, "node1");
      using host = new Rtnetlink({ netns: sandboxPaths(scenario.name).node("node1").netns });
      const devices = () => host.links().filter(({ name }) => name.startsWith("lxc")).length;
      const before = devices();
      let isDone = false;
      const env = { CNI_NETNS: container.netns.replace("/run/netns/", path) };
      const adding = caller.call("ADD", container, {}, env).finally(() => (isDone = true));
      while (!isDone && devices() === before) await setImmediate();
      await killAgent(scenario.sandbox, node);
      startAgent(scenario.sandbox, node);
      const result = await adding;
      assert.equal(result.code, undefined, result.msg ?? "");
      // It may have been done just before the end.
      await waitForAgent(scenario.sandbox, node);
      assert.deepEqual(await caller.call("CHECK", container, { prevResult: result }), {});
      assert.deepEqual(await attached(), [container.id]);
      assert.deepEqual([devices(), (await caller.call("ADD", container)).code], [before + 1, 103]);
      assert.deepEqual(await caller.call("DEL", container), {});
      assert.equal(devices(), before);
    });
  }
});

test("GC removes what the runtime does not name, of its own network alone", async () => {
  const [kept] = await added();
  const [left] = await added();
  const [others] = await added({ name: "other-net" });
  const attachments = { "cni.dev/valid-attachments": [{ containerID: kept.id, ifname: "eth0" }] };
  for (let i = 0; i < 2; i++) assert.deepEqual(await caller.call("GC", { id: "", netns: "" }, attachments), {});
  assert.deepEqual((await attached()).sort(), [kept.id, others.id].sort());
  assert.deepEqual(device(left).addresses, []);
  assert.deepEqual(await caller.call("GC", { id: "", netns: "" }, { "cni.dev/valid-attachments": [] }), {});
  assert.deepEqual(await attached(), [others.id]);
  assert.deepEqual(await caller.call("DEL", others, { name: "other-net" }), {});
});

test("STATUS of an agent that is well says nothing", async () => {
  assert.deepEqual(await caller.call("STATUS", { id: "", netns: "" }), {});
});

test("errors have the specification's codes, and say what is wrong", async (t) => {
  const container = caller.container();
  for (const { name, command, config, env, code, msg } of errorCases(folder)) {
    await t.test(`${code}: ${name}`, async () => {
      const answer = await caller.call(command, container, config, env);
      assert.equal(answer.code, code, answer.msg ?? "");
      assert.match(answer.msg ?? "", msg);
      assert.match(answer.cniVersion ?? "", /^\d\.\d\.\d$/);
    });
  }
  assert.deepEqual(device(container).addresses, []);
});
