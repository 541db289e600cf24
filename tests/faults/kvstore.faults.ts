// SPDX-License-Identifier: Apache-2.0
// Faults of etcd. Whatever happens to it: what is known stays in force, and what changes later becomes known.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { killEtcd, sandboxPaths } from "../../apps/sandbox/index.ts";
import type { Fault, World } from "./world.ts";

const stopped: Fault = {
  name: "etcd stopped: the status says so, traffic goes on, and new pods are known everywhere when it is back",
  async run(world) {
    await world.unnoticed(async () => {
      assert.ok(killEtcd(world.sandbox));
      await world.until(async () => (await world.kvstoreState("node1")) !== "Ok", 10_000, "the status says nothing");
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
        10_000,
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
        5_000,
        "not all keys are back",
      );
      await sleep(300);
    });
    await world.assertNewPodsWork("after-lease");
  },
};

export const kvstoreFaults: readonly Fault[] = [stopped, wiped, leaseLost];

async function wellAgain(world: World): Promise<void> {
  for (const node of ["node1", "node2"]) {
    await world.until(
      async () => (await world.kvstoreState(node)) === "Ok",
      20_000,
      `${node} does not find etcd again`,
    );
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
