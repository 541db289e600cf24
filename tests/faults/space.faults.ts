// SPDX-License-Identifier: Apache-2.0
// No space in a map: an error names the map, what is there goes on, and space heals it.
import assert from "node:assert/strict";
import { DropReason } from "../../src/abi/index.ts";
import { openPinnedMaps } from "../../src/datapath/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import { clientPod } from "../scenarios/harness.ts";
import type { Fault, World } from "./world.ts";

const policy: Fault = {
  name: "policy map full: the endpoint keeps its last good policy and says which map is full, and by which policy",
  async run(world) {
    const ports = Array.from({ length: 400 }, (_, n) => ({ port: `${20_000 + 2 * n}`, protocol: "TCP" }));
    const lists = Array.from({ length: 10 }, (_, n) => ({ ports: ports.slice(40 * n, 40 * n + 40) }));
    const spec = {
      endpointSelector: { matchLabels: { app: "echo" } },
      ingress: [{ fromEndpoints: [{ matchLabels: { app: "peer" } }], toPorts: lists }],
    };
    const big = { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { name: "big" }, spec };
    const peer = clientPod("peer", "node1", { app: "peer" });
    await world.unnoticed(async () => {
      await world.scenario.apply(peer);
      await world.client("node1").putPolicy([big]);
      await says(
        world,
        "endpoints",
        /^degraded .*"cilium_policy_v2_(peers|ports)".*E2BIG.*holds at most 256 entries.*policy "default\/big" adds most/,
      );
      await world.assertNewPodsWork("beside-full-policy");
      const denied = { protocol: "TCP", ip: world.scenario.ip("echo-node1", 4), port: 7000 } as const;
      assert.deepEqual(await world.scenario.probe("peer", [denied]), [false]);
      await world.client("node1").deletePolicy();
      await world.scenario.remove(peer);
      await says(world, "endpoints", /^ok/);
    });
  },
};

const ipcache: Fault = {
  name: "ipcache full: new addresses wait and the status names the map, known ones go on",
  async run(world) {
    const pod = clientPod("unknown", "node2", { app: "late" });
    await world.unnoticed(async () => {
      {
        using _full = fill(world, (maps, addresses) =>
          maps.ipcache.upsertMany(
            addresses.map((ip) => ({
              prefix: `${ip}/128`,
              identity: 2,
              encryptKey: 0,
              skipTunnel: false,
              remoteCluster: false,
            })),
          ),
        );
        await world.scenario.apply(pod);
        await says(world, "ipcache-map", /^degraded .*"cilium_ipcache_exact".*E2BIG.*holds at most 1024 entries/);
      }
      await says(world, "ipcache-map", /^ok/);
    });
    const probe = { protocol: "ICMP", ip: world.scenario.ip("unknown", 4) } as const;
    assert.deepEqual(await world.scenario.probe("client", [probe]), [true]);
    await world.scenario.remove(pod);
  },
};

const lxc: Fault = {
  name: "endpoint map full: CNI ADD waits and the status names the map, other pods go on, space lets it finish",
  async run(world) {
    const pod = clientPod("waiting", "node1", { app: "late" });
    await world.unnoticed(async () => {
      let added: Promise<void>;
      {
        using _full = fill(world, (maps, addresses) =>
          maps.lxc.upsertMany(addresses.map((address) => ({ address, endpointId: 60_000, host: false }))),
        );
        added = world.scenario.apply(pod);
        await says(world, "endpoints", /^degraded .*"cilium_lxc".*E2BIG.*holds at most 65536 entries/);
      }
      await added;
      await says(world, "endpoints", /^ok/);
      await world.scenario.remove(pod);
    });
  },
};

const nodes: Fault = {
  name: "node map full: the new node waits and the status names the map, known nodes go on",
  async run(world) {
    const key = Buffer.from("cilium/state/nodes/v1/default/ghost").toString("base64");
    const ghost = { Name: "ghost", Cluster: "default", IPAddresses: [{ Type: "InternalIP", IP: "172.31.239.99" }] };
    await world.unnoticed(async () => {
      {
        using _full = fill(world, (maps, addresses) =>
          maps.nodes.upsertMany(addresses.map((address) => ({ address, nodeId: 9, spi: 0 }))),
        );
        await world.etcd("kv/put", { key, value: Buffer.from(JSON.stringify(ghost)).toString("base64") });
        await says(world, "node-map", /^degraded .*"cilium_node_map_v2".*E2BIG.*holds at most 16384 entries/);
      }
      await says(world, "node-map", /^ok/);
      await world.etcd("kv/deleterange", { key });
    });
  },
};

const conntrack: Fault = {
  name: "conntrack full: the oldest flows make room, connections in use go on",
  async run(world) {
    const ip = world.scenario.ip("echo-node1", 4);
    using maps = openPinnedMaps(world.paths("node1").bpf);
    await world.unnoticed(async () => {
      const { code, stderr } = await world.scenario.exec("client", [process.execPath, "-e", flood, ip]);
      assert.equal(code, 0, stderr);
    });
    const failed = maps.metrics.list().filter(({ reason }) => reason === DropReason.DROP_CT_INSERT_FAILED);
    assert.deepEqual(failed, [], "flows that got no entry");
    const entries = [...maps.conntrack.list()].length;
    assert.ok(entries > 512 && entries <= 4096, `${entries} conntrack entries`);
    assert.match(await world.health("node1", "datapath"), /^ok/);
  },
};

export const spaceFaults: readonly Fault[] = [policy, ipcache, lxc, nodes, conntrack];

/** 3000 flows of UDP (where nobody listens: the echo's buffer is not what is tested) and 1500 connections. */
const flood = `
const { createSocket } = require("node:dgram");
const { connect } = require("node:net");
const ip = process.argv[1];
async function run() {
  for (let round = 0; round < 30; round++) {
    await Promise.all(Array.from({ length: 100 }, () => new Promise((done) => {
      const socket = createSocket("udp4");
      socket.send("x", 7999, ip, () => socket.close(done));
    })));
    await Promise.all(Array.from({ length: 50 }, () => new Promise((done) => {
      const socket = connect(7000, ip, () => socket.destroy());
      socket.on("close", done).on("error", () => {});
    })));
  }
}
void run();
`;

type Maps = ReturnType<typeof openPinnedMaps>;

/** Fills a map of node1 with addresses that nobody has; they go when this is disposed. */
function fill(world: World, write: (maps: Maps, addresses: readonly string[]) => void): Disposable {
  const maps = openPinnedMaps(world.paths("node1").bpf);
  const written: string[] = [];
  let size = 4096;
  for (let n = 0; size >= 1; ) {
    const some = Array.from(
      { length: size },
      (_, i) => `2001:db8::${((n + i) >> 16).toString(16)}:${((n + i) & 0xffff).toString(16)}`,
    );
    try {
      write(maps, some);
    } catch (error) {
      assert.ok(error instanceof SyscallError && error.code === "E2BIG", String(error));
      // A part of them may be in place.
      if (size === 1) break;
      size >>= 1;
      continue;
    }
    written.push(...some);
    n += size;
  }
  return {
    [Symbol.dispose]() {
      for (const map of [maps.lxc, maps.nodes]) map.deleteMany(written.map((address) => ({ address })));
      maps.ipcache.deleteMany(written.map((address) => ({ prefix: `${address}/128` })));
      maps[Symbol.dispose]();
    },
  };
}

async function says(world: World, module: string, pattern: RegExp): Promise<void> {
  let last = "";
  const matches = async () => {
    last = await world.health("node1", module);
    return pattern.test(last);
  };
  try {
    await world.until(matches, module);
  } catch {
    assert.match(last, pattern);
  }
}
