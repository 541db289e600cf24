// SPDX-License-Identifier: Apache-2.0
// What others do to the kernel's state behind the agent's back: it is put right.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BpfLink, BpfMap, Errno, queryTcx, Rtnetlink, SyscallError, type TcxHook } from "../../src/kernel/index.ts";
import { assertNothingLost, type Fault, type World } from "./world.ts";

const devices: Fault = {
  name: "cilium_vxlan and cilium_net deleted: made again with their programs, pods of the node notice nothing",
  async run(world) {
    using rtnl = rtnlOf(world, "node1");
    const hooks = nodeHooks(world);
    for (const device of ["cilium_vxlan", "cilium_net"]) {
      const { local, remote } = await world.during(async () => {
        const { ifindex } = rtnl.socket.link(device) ?? assert.fail(`no ${device}`);
        rtnl.socket.deleteLink(device);
        const isNew = () => (rtnl.socket.link(device)?.ifindex ?? ifindex) !== ifindex;
        await world.until(() => isNew() && hooks.every(isInPlace(world)), `no ${device}`);
        await sleep(500);
      });
      assertNothingLost(local, "on the same node");
      if (device === "cilium_net") assertNothingLost(remote, "to the other node");
      // A connection survives by its retransmissions.
      assert.equal(remote.connection.answered, remote.connection.sent, JSON.stringify(remote));
    }
  },
};

const routes: Fault = {
  name: "routes, router address and rp_filter changed: put right, traffic goes on",
  async run(world) {
    using rtnl = rtnlOf(world, "node1");
    const ifindex = rtnl.socket.link("cilium_host")?.ifindex ?? assert.fail("no cilium_host");
    const ours = () => rtnl.socket.routes({ ifindex }).map(({ destination }) => destination);
    const addresses = () => rtnl.socket.addresses({ ifindex }).map(({ address }) => address);
    const [routesBefore, addressesBefore] = [ours().sort(), addresses().sort()];
    assert.ok(routesBefore.length >= 4 && addressesBefore.length >= 2, routesBefore.join(" "));
    const same = (list: readonly string[], before: readonly string[]) => [...list].sort().join() === before.join();
    const sysctl = "net.ipv4.conf.cilium_host.rp_filter";
    await world.unnoticed(async () => {
      for (const family of ["-4", "-6"]) await world.on("node1", "ip", family, "route", "flush", "dev", "cilium_host");
      await repaired(world, "the routes", () => same(ours(), routesBefore));
      await world.on("node1", "ip", "address", "flush", "dev", "cilium_host", "scope", "global");
      await repaired(world, "the addresses", () => same(addresses(), addressesBefore));
      await repaired(world, "the routes after the addresses", () => same(ours(), routesBefore));
      await world.on("node1", "sysctl", "-qw", `${sysctl}=1`);
      const value = () =>
        world.onKernelOf("node1", () => readFileSync(`/proc/sys/${sysctl.replaceAll(".", "/")}`, "utf8"));
      await repaired(world, sysctl, () => value().trim() === "0");
    });
  },
};

const links: Fault = {
  name: "programs of the node and of its pods detached, or their pins removed: attached again, connections live on",
  async run(world) {
    for (const hook of [...nodeHooks(world), ...podHooks(world)]) assert.ok(isInPlace(world)(hook), hook.pin);
    const all = () => [...nodeHooks(world), ...podHooks(world)].filter(isInPlace(world)).length;
    const count = all();
    for (const harm of [detach, (hook: Hook) => rmSync(hook.pin)]) {
      const { local, remote } = await world.during(async () => {
        for (const hook of [...nodeHooks(world), ...podHooks(world)]) harm(hook);
        await repaired(world, "the programs", () => all() === count);
        await sleep(500);
      });
      for (const { connection } of [local, remote]) assert.equal(connection.answered, connection.sent);
    }
    // With the programs in force the policy is, too.
    await world.unnoticed(async () => {});
  },
};

const foreignMap: Fault = {
  name: "a map of another layout at a pin: the agent does not start, names it and leaves it; traffic goes on",
  async run(world) {
    const pin = join(world.paths("node1").bpf, "tc/globals/cilium_ipcache_exact");
    await world.unnoticed(async () => {
      await world.kill("node1");
      renameSync(pin, `${pin}_aside`);
      using map = BpfMap.create({ name: "foreign", type: "array", keySize: 4, valueSize: 4, maxEntries: 1 });
      map.pin(pin);
      const from = world.log("node1").length;
      world.launch("node1");
      await world.until(() => !world.running("node1"), "the agent runs");
      assert.match(world.log("node1", from), /Error: .*cilium_ipcache_exact.*type is array/);
      using still = BpfMap.openPinned(pin);
      assert.equal(still.type, "array");
      renameSync(`${pin}_aside`, pin);
      await world.start("node1");
    });
  },
};

const foreignPin: Fault = {
  name: "something else at the pin of a pod's program: the status names it, it stays, traffic goes on",
  async run(world) {
    const hook = podHooks(world)[0] ?? assert.fail("no pods");
    await world.unnoticed(async () => {
      await world.kill("node1");
      renameSync(hook.pin, `${hook.pin}_aside`);
      using map = BpfMap.create({ name: "foreign", type: "array", keySize: 4, valueSize: 4, maxEntries: 1 });
      map.pin(hook.pin);
      await world.start("node1");
      await world.until(async () => (await world.health("node1", "endpoints")).startsWith("degraded"), "no word");
      assert.ok(
        (await world.health("node1", "endpoints")).includes(hook.pin),
        await world.health("node1", "endpoints"),
      );
      using _still = BpfMap.openPinned(hook.pin);
      renameSync(`${hook.pin}_aside`, hook.pin);
      await world.until(async () => (await world.health("node1", "endpoints")).startsWith("ok"), "not ok again");
    });
  },
};

export const kernelFaults: readonly Fault[] = [devices, routes, links, foreignMap, foreignPin];

interface Hook {
  readonly pin: string;
  readonly hook: TcxHook;
}

/** Links of node1's own devices. */
function nodeHooks(world: World): Hook[] {
  const folder = join(world.paths("node1").bpf, "cilium/devices");
  return [
    { pin: join(folder, "cilium_host/links/cil_from_host"), hook: "egress" },
    { pin: join(folder, "cilium_vxlan/links/cil_from_overlay"), hook: "ingress" },
    { pin: join(folder, "cilium_vxlan/links/cil_to_overlay"), hook: "egress" },
    { pin: join(folder, "eth0/links/cil_from_underlay"), hook: "ingress" },
  ];
}

/** Links of node1's pods. */
function podHooks(world: World): Hook[] {
  const folder = join(world.paths("node1").bpf, "cilium/endpoints");
  return readdirSync(folder).flatMap((id): Hook[] => [
    { pin: join(folder, id, "links/cil_from_container"), hook: "ingress" },
    { pin: join(folder, id, "links/cil_to_container"), hook: "egress" },
  ]);
}

const isInPlace =
  (world: World) =>
  ({ pin, hook }: Hook): boolean => {
    using link = openLink(pin);
    const { ifindex, programId = 0 } = link?.info() ?? {};
    if (ifindex === undefined || ifindex === 0) return false;
    return world.onKernelOf("node1", () => queryTcx(ifindex, hook).includes(programId));
  };

/** Undefined when there is none: the agent takes one away before it puts the next in its place. */
function openLink(pin: string): BpfLink | undefined {
  try {
    return BpfLink.openPinned(pin);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === Errno.ENOENT) return undefined;
    throw error;
  }
}

function detach({ pin }: Hook): void {
  using link = BpfLink.openPinned(pin);
  link.detach();
}

function rtnlOf(world: World, node: string): { socket: Rtnetlink } & Disposable {
  const socket = world.onKernelOf(node, () => new Rtnetlink());
  return { socket, [Symbol.dispose]: () => socket.close() };
}

async function repaired(world: World, what: string, isThere: () => boolean): Promise<void> {
  await world.until(isThere, `${what}: not back`);
}
