// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { choosePorts, collide, listeningPorts, type PublishedPort } from "./ports.ts";

const binding = (more: object) => ({
  Proto: 6,
  IP: "",
  Port: 80,
  HostIP: "",
  HostPort: 8080,
  HostPortEnd: 8080,
  ...more,
});
const tcp8080 = { protocol: "tcp", port: 80, hostPort: 8080 } as const;
const any = () => true;

test("choosePorts() takes what is asked for, of a range the first that is free and not chosen yet", () => {
  assert.deepEqual(choosePorts([binding({})], any), [tcp8080]);
  assert.deepEqual(choosePorts(undefined, any), []);
  const range = binding({ HostPortEnd: 8083, HostIP: "::" });
  const notFirst = ({ hostPort }: PublishedPort) => hostPort !== 8080;
  assert.deepEqual(
    choosePorts([range, range], notFirst).map(({ hostPort, hostIp }) => [hostPort, hostIp]),
    [
      [8081, "::"],
      [8082, "::"],
    ],
  );
});

for (const [option, free, reason] of [
  [[binding({})], false, /Cannot publish port 8080\/tcp: a container or a program of the node has it/],
  [[binding({ Proto: 17, HostPortEnd: 8081 })], false, /Cannot publish port 8080 to 8081\/udp/],
  [[binding({ HostPort: 0 })], true, /Cannot publish port 80\/tcp: .*\(give it: -p PORT:80\)/],
  [[binding({ Proto: 1 })], true, /a port of protocol 1: expected TCP, UDP or SCTP/],
  [[binding({ HostIP: "eth0" })], true, /Cannot publish at "eth0": not an address/],
  [[binding({ HostIP: "::1" })], true, /Cannot publish at "::1": no container can answer to it/],
  [[binding({ HostPort: 70_000 })], true, /Cannot read port map field "0\.HostPort"/],
  ["8080", true, /Cannot read port map/],
] as const) {
  test(`choosePorts() refuses ${JSON.stringify(option)}`, () => {
    assert.throws(() => choosePorts(option, () => free), reason);
  });
}

test("collide() is about protocol, port, and addresses that overlap", () => {
  const at = (hostIp: string) => ({ ...tcp8080, hostIp });
  assert.ok(collide(tcp8080, tcp8080));
  assert.ok(collide(tcp8080, at("10.0.0.1")));
  assert.ok(collide(at("0.0.0.0"), at("10.0.0.1")));
  for (const [a, b] of [
    [tcp8080, { ...tcp8080, protocol: "udp" }],
    [tcp8080, { ...tcp8080, hostPort: 8081 }],
    [at("10.0.0.1"), at("10.0.0.2")],
    [at("0.0.0.0"), at("::")],
    [at("::"), at("10.0.0.1")],
  ] as const) {
    assert.equal(collide(a, b), false);
  }
});

test("listeningPorts() tells ports and addresses of this namespace's servers", async () => {
  const server = createServer();
  const other = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await new Promise<void>((resolve) => other.listen(0, "::1", resolve));
  try {
    for (const [{ port }, hostIp] of [
      [server.address() as { port: number }, "127.0.0.1"],
      [other.address() as { port: number }, "::1"],
    ] as const) {
      assert.deepEqual(
        listeningPorts().filter((it) => it.protocol === "tcp" && it.hostPort === port),
        [{ protocol: "tcp", port: 0, hostPort: port, hostIp }],
      );
    }
  } finally {
    server.close();
    other.close();
  }
});
