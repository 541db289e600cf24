// SPDX-License-Identifier: Apache-2.0
// Faults of etcd. Whatever happens to it: what is known stays in force, and what changes later becomes known.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { killEtcd, sandboxPaths } from "../../apps/sandbox/index.ts";
import { clientPod } from "../scenarios/harness.ts";
import type { Fault, World } from "./world.ts";

const stopped: Fault = {
  name: "etcd stopped: the status says so, traffic goes on, and new pods are known everywhere when it is back",
  async run(world) {
    await world.unnoticed(async () => {
      assert.ok(killEtcd(world.sandbox));
      await world.until(async () => (await world.kvstoreState("node1")) !== "Ok", "the status says nothing");
      await world.startEtcd();
      await wellAgain(world);
    });
    await world.assertNewPodsWork("after-stop");
  },
};

const wiped: Fault = {
  name: "etcd's data wiped: traffic goes on, and everything that is in use is put back",
  async run(world) {
    const before = await keys(world);
    await world.unnoticed(async () => {
      assert.ok(killEtcd(world.sandbox));
      rmSync(sandboxPaths(world.sandbox.name).etcd.data, { recursive: true });
      await world.startEtcd();
      await wellAgain(world);
      await world.until(
        async () => (await keys(world)).filter(isInUse).join("\n") === before.filter(isInUse).join("\n"),
        "not all keys are back",
      );
    });
    await world.assertNewPodsWork("after-wipe");
  },
};

const leaseLost: Fault = {
  name: "a lease revoked by another client: traffic goes on, and the keys are back under a new lease",
  async run(world) {
    const before = (await keys(world)).filter(isInUse);
    await world.unnoticed(async () => {
      const { leases = [] } = (await world.etcd("lease/leases", {})) as { leases?: { ID: string }[] };
      assert.ok(leases.length >= 2, "there is a lease for each node");
      for (const { ID } of leases) await world.etcd("lease/revoke", { ID });
      await world.until(
        async () => (await keys(world)).filter(isInUse).join("\n") === before.join("\n"),
        "not all keys are back",
      );
      await sleep(300);
    });
    await world.assertNewPodsWork("after-lease");
  },
};

const slow: Fault = {
  name: "etcd slow, 1 s a call: traffic goes on, and pods of both nodes come up and are known",
  async run(world) {
    await world.unnoticed(async () => {
      await world.proxy.delay(1000);
      await Promise.all([world.assertNewPodsWork("slow-1", "node1"), world.assertNewPodsWork("slow-2", "node2")]);
      assert.equal(await world.kvstoreState("node1"), "Ok");
      await world.proxy.delay(0);
    });
  },
};

const compacted: Fault = {
  name: "the history since an agent lost etcd compacted: traffic goes on, and the agent learns what it missed",
  async run(world) {
    const pod = clientPod("missed", "node2", { app: "late" });
    await world.unnoticed(async () => {
      await world.proxy.cut();
      await world.scenario.apply(pod);
      const { header } = (await world.etcd("kv/range", { key: "AA==" })) as { header: { revision: string } };
      await world.etcd("kv/compaction", { revision: header.revision, physical: true });
      await world.until(async () => (await world.kvstoreState("node1")) !== "Ok", "the status says nothing");
      await world.proxy.join();
      await wellAgain(world);
    });
    const missed = { protocol: "ICMP", ip: world.scenario.ip("missed", 4) } as const;
    const known = async () => (await world.scenario.probe("client", [missed]))[0] === true;
    await world.until(known, "the agent does not know the pod that it missed");
    await world.scenario.remove(pod);
  },
};

const clock: Fault = {
  name: "the clock set forward by an hour, and back by two: leases, retries and traffic go on",
  async run(world) {
    const lease = { "kvstore-lease-ttl": "5s" };
    const jump = { NODE_OPTIONS: `--require ${join(import.meta.dirname, "helpers/jumping-clock.cjs")}` };
    const own = async () => (await keys(world)).filter((key) => key === "cilium/state/nodes/v1/default/node1");
    await world.kill("node1");
    const started = performance.now();
    await world.start("node1", { settings: lease, env: jump });
    await world.unnoticed(async () => {
      while (performance.now() - started < 9_000) {
        assert.equal((await own()).length, 1, "the lease ended");
        await sleep(200);
      }
      // A row whose writing failed before the clock was set back is tried again in time.
      await world.proxy.cut();
      await sleep(200);
      await world.proxy.join();
      await wellAgain(world);
    });
    const hourAgo = new Date(Date.now() - 3_600_000).toISOString().slice(0, 15);
    assert.ok(world.log("node1").includes(hourAgo), "the agent's clock was not set");
    await world.assertNewPodsWork("after-jump", "node1");
    await world.kill("node1");
    await world.start("node1");
  },
};

export const kvstoreFaults: readonly Fault[] = [stopped, wiped, leaseLost, slow, compacted, clock];

async function wellAgain(world: World): Promise<void> {
  for (const node of ["node1", "node2"]) {
    await world.until(async () => (await world.kvstoreState(node)) === "Ok", `${node} does not find etcd again`);
  }
}

/** Not identities that nobody uses any more: they would go with the next garbage collection, too. */
const isInUse = (key: string): boolean => !key.startsWith("cilium/state/identities/v1/id/");

async function keys(world: World): Promise<string[]> {
  const [key, range_end] = ["cilium/", "cilium0"].map((text) => Buffer.from(text).toString("base64"));
  const { kvs = [] } = (await world.etcd("kv/range", { key, range_end, keys_only: true })) as {
    kvs?: { key: string }[];
  };
  return kvs.map(({ key }) => Buffer.from(key, "base64").toString()).sort();
}
