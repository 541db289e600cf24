// SPDX-License-Identifier: Apache-2.0
// New identities reach the kernel's list, and the other nodes are told, when no endpoint's policy lacks them any more.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { doneStatus, Labels, pendingStatus } from "../../src/core/index.ts";
import { createEndpointTable, type EndpointRow } from "../../src/endpoint/index.ts";
import { createIdentityTable, type IdentityArrivals } from "../../src/identity/index.ts";
import { createIdentityArrivals } from "./identity-arrivals.ts";

/** A node with a list in the kernel, whose store's revisions the test counts. */
function node() {
  const identities = createIdentityTable();
  const endpoints = createEndpointTable();
  const kernel = { ids: new Set<number>([999]), complete: false, full: false };
  const told: string[] = [];
  let seen = 0n;
  let progress: () => void = () => {};
  const arrivals: Pick<IdentityArrivals, "applied" | "expect" | "arrived" | "stop"> = {
    applied: (revision) => void told.push(`applied ${revision}`),
    expect: (revision) => void told.push(`expect ${revision}`),
    arrived: async (revision, ms) => {
      told.push(`wait ${revision} ${ms}`);
      return [];
    },
    stop: async () => {},
  };
  const module = createIdentityArrivals({
    allocator: {
      table: identities,
      get seen() {
        return seen;
      },
      revisionOf: (id) => (identities.has(id) ? BigInt(id) : undefined),
      onProgress: (listener) => {
        progress = listener;
        return { [Symbol.dispose]: () => {} };
      },
    },
    ...{ endpoints, arrivals, patience: 5000 },
    known: () => ({
      list: () => [...kernel.ids],
      upsertMany: (ids) => {
        if (kernel.full && ids.length > 0) throw new Error("the test filled it");
        for (const id of ids) kernel.ids.add(id);
      },
      deleteMany: (ids) => ids.filter((id) => kernel.ids.delete(id)).length,
      setComplete: (complete) => {
        kernel.complete = complete;
      },
    }),
  });
  return {
    ...{ module, identities, endpoints, kernel, told },
    /** An identity comes from the store at a revision of its number. */
    async comes(id: number): Promise<void> {
      identities.upsert({ id, labels: Labels.parse([`k8s:run=${id}`]), source: "kvstore" });
      await this.moves(BigInt(id));
    },
    async moves(revision: bigint): Promise<void> {
      seen = revision;
      progress();
      for (let turns = 0; turns < 5; turns++) await turn();
    },
    async endpoint(settled: boolean): Promise<void> {
      const labels = Labels.parse(["k8s:app=web"]);
      const row: EndpointRow = {
        ...{ id: 7, phase: "active", identity: 300, labels, identityLabels: labels, generation: 1, log: [] },
        ...{ containerId: "c", containerInterfaceName: "eth0", netnsPath: "", podNamespace: "", podName: "" },
        ...{ interfaceName: "lxc1", ifindex: 9, mac: "02:00:00:00:00:01", nodeMac: "02:00:00:00:00:02" },
        status: settled ? doneStatus(0) : pendingStatus(0),
      };
      endpoints.upsert(row);
      for (let turns = 0; turns < 5; turns++) await turn();
    },
  };
}

const sorted = (ids: Iterable<number>) => [...ids].sort((a, b) => a - b);

test("nothing is said before policies are in force; then the kernel's list is brought in line as a whole", async () => {
  const n = node();
  await n.module.start(new AbortController().signal);
  await n.comes(300);
  assert.deepEqual([sorted(n.kernel.ids), n.kernel.complete, n.told], [[999], false, []]);
  n.module.open();
  await n.moves(301n);
  // Without those that each node numbers itself, and the reserved ones.
  assert.deepEqual([sorted(n.kernel.ids), n.kernel.complete], [[300], true]);
  assert.equal(n.told.at(-1), "applied 301");
});

test("an identity counts as known when the endpoints that waited have their policies, one that went does no more", async () => {
  const n = node();
  await n.module.start(new AbortController().signal);
  n.module.open();
  await n.comes(300);
  await n.endpoint(false);
  await n.comes(400);
  assert.deepEqual(sorted(n.kernel.ids), [300]);
  assert.ok(!n.told.includes("applied 400"));
  await n.endpoint(true);
  assert.deepEqual([sorted(n.kernel.ids), n.told.at(-1)], [[300, 400], "applied 400"]);
  n.identities.delete(300);
  await n.moves(401n);
  assert.deepEqual(sorted(n.kernel.ids), [400]);
});

test("while the kernel's list has no room nobody counts as unknown, and the other nodes are told all the same", async () => {
  const n = node();
  await n.module.start(new AbortController().signal);
  n.module.open();
  await n.comes(300);
  n.kernel.full = true;
  await n.comes(400);
  assert.equal(n.kernel.complete, false);
  assert.match(n.module.health?.()?.message ?? "", /Cannot list identities in the kernel: the test filled it/);
  assert.equal(n.told.at(-1), "applied 400");
  n.kernel.full = false;
  await n.moves(401n);
  assert.deepEqual([sorted(n.kernel.ids), n.kernel.complete, n.module.health?.()?.state], [[300, 400], true, "ok"]);
});

test("arrived() waits for the revision of the identity, and for none that the store has not", async () => {
  const n = node();
  await n.module.start(new AbortController().signal);
  n.module.open();
  await n.comes(300);
  await n.module.arrived(300);
  await n.module.arrived(500);
  assert.deepEqual(
    n.told.filter((what) => what.startsWith("wait")),
    ["wait 300 5000"],
  );
});
