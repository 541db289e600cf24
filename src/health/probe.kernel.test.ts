// SPDX-License-Identifier: Apache-2.0
// Echoes and answers over real devices, and what comes of addresses that give none.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import {
  attachTcx,
  BpfProgram,
  listenTcp,
  openPingSocket,
  ProgramType,
  Rtnetlink,
  withNetns,
  writeSysctl,
} from "../kernel/index.ts";
import { testNetns } from "../kernel/testing.ts";
import { askHello, Responder } from "./hello.ts";
import { Pinger } from "./ping.ts";

const port = 42_407;

test("echoes of both families are timed, and silence is told", async () => {
  using netns = testNetns();
  writeSysctl("net.ipv4.ping_group_range", "0 0", netns.fd);
  using netlink = new Rtnetlink({ netns: netns.fd });
  const { ifindex } = netlink.createVeth({ name: "a", peer: { name: "b" } });
  netlink.setLink(ifindex, { up: true });
  netlink.addAddress({ ifindex, address: "10.9.9.1", prefixLength: 24 });
  using pinger = new Pinger((family) => openPingSocket(family, { netns: netns.fd }));
  for (const ip of ["127.0.0.1", "::1", "10.9.9.1"]) {
    const result = await pinger.ping(ip, 30_000);
    assert.ok(result.ok && result.latencyNs > 0, `${ip}: ${JSON.stringify(result)}`);
  }
  assert.deepEqual(await pinger.ping("10.9.9.2", 200), { ok: false, problem: "no reply within 0.2 s" });
  assert.deepEqual(await pinger.ping("192.0.2.1", 30_000), { ok: false, problem: "ENETUNREACH" });
});

test("an echo that a program drops as it leaves is given up, and the next one is sent again", async () => {
  using netns = testNetns();
  writeSysctl("net.ipv4.ping_group_range", "0 0", netns.fd);
  using netlink = new Rtnetlink({ netns: netns.fd });
  const { ifindex } = netlink.createVeth({ name: "a", peer: { name: "b" } });
  for (const name of ["a", "b"]) netlink.setLink(name, { up: true });
  netlink.addAddress({ ifindex, address: "10.9.9.1", prefixLength: 24 });
  using pinger = new Pinger((family) => openPingSocket(family, { netns: netns.fd }));
  // r0 = TCX_DROP; exit
  const instructions = Uint8Array.of(0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
  using program = BpfProgram.load({ type: ProgramType.BPF_PROG_TYPE_SCHED_CLS, instructions, name: "drop" });
  {
    using _link = withNetns(netns.fd, () => attachTcx({ program, ifindex, hook: "egress" }));
    netlink.replaceNeighbor({ ifindex, address: "10.9.9.2", mac: "02:00:00:00:00:02" });
    const [stuck, ...others] = await Promise.all(
      ["10.9.9.2", "127.0.0.1", "127.0.0.2"].map((ip) => pinger.ping(ip, 30_000)),
    );
    assert.deepEqual(stuck, { ok: false, problem: "it cannot be sent" });
    for (const other of others) assert.ok(other.ok, `what waits behind it is lost too: ${JSON.stringify(other)}`);
  }
  const loopback = await pinger.ping("127.0.0.1", 30_000);
  assert.ok(loopback.ok, JSON.stringify(loopback));
});

test("without access to ICMP sockets each probe says so", async () => {
  using netns = testNetns();
  writeSysctl("net.ipv4.ping_group_range", "1 0", netns.fd);
  using pinger = new Pinger((family) => openPingSocket(family, { netns: netns.fd }));
  const result = await pinger.ping("127.0.0.1", 1000);
  assert.ok(!result.ok && /Cannot open an ICMP socket for IPv4: EACCES/.test(result.problem), JSON.stringify(result));
});

test("the responder answers /hello in the namespace of its socket, and nothing else", async () => {
  const responder = new Responder();
  try {
    for (const family of [4, 6] as const) responder.serve(listenTcp(family, port));
    assert.throws(() => listenTcp(4, port), /Cannot listen on port 42407 \(IPv4\): EADDRINUSE/);
    for (const ip of ["127.0.0.1", "::1"]) {
      const result = await askHello(ip, port, 30_000);
      assert.ok(result.ok && result.latencyNs > 0, JSON.stringify(result));
      const other = await fetch(`http://${ip === "::1" ? "[::1]" : ip}:${port}/v1beta/status`);
      assert.equal(other.status, 404);
    }
  } finally {
    await responder.stop();
  }
  assert.deepEqual(await askHello("127.0.0.1", port, 30_000), { ok: false, problem: "ECONNREFUSED" });
  using netns = testNetns();
  const elsewhere = new Responder();
  elsewhere.serve(listenTcp(4, port, netns.fd));
  assert.deepEqual(await askHello("127.0.0.1", port, 30_000), { ok: false, problem: "ECONNREFUSED" });
  assert.equal(
    withNetns(netns.fd, () => 1),
    1,
  );
  await elsewhere.stop();
});

test("threats: who holds connections open without asking keeps nobody else from being answered", async () => {
  const responder = new Responder();
  responder.serve(listenTcp(4, port));
  const idle: Socket[] = [];
  try {
    for (let count = 0; count < 300; count++) {
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      idle.push(socket);
      await once(socket, "connect");
    }
    const result = await askHello("127.0.0.1", port, 30_000);
    assert.ok(result.ok, JSON.stringify(result));
  } finally {
    for (const socket of idle) socket.destroy();
    await responder.stop();
  }
});
