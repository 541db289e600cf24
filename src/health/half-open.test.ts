// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { HalfOpen, parseHalfOpen } from "./half-open.ts";

/** Lines as the kernel writes them: listening, handshake under way, established, and another port. */
const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1090 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 61 1 00 100 0 0 10 0
   1: 0CF01FAC:1090 0BF01FAC:D1A4 03 00000000:00000000 01:0000003E 00000001     0        0 0 1 00
   2: 0CF01FAC:1090 0DF01FAC:D1A4 01 00000000:00000000 01:0000003E 00000001     0        0 0 1 00
   3: 0CF01FAC:1091 0EF01FAC:D1A4 03 00000000:00000000 01:0000003E 00000001     0        0 0 1 00
`;
const tcp6 = `   0: 00000000000000000000000000000000:1090 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000
   1: 310000FD000040020000000011000100:1090 310000FD000040020000000012000100:D1A4 03 00000000:00000000 01:00000000 00
`;

test("only handshakes at the port that are under way are told, by the other end's address", () => {
  assert.deepEqual(parseHalfOpen(tcp, 4240), ["172.31.240.11"]);
  assert.deepEqual(parseHalfOpen(tcp6, 4240), ["fd00:31:240::1:12"]);
  assert.deepEqual(parseHalfOpen(tcp, 80), []);
});

test("connections that work are none", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  assert.deepEqual(new HalfOpen(port, [4, 6]).peers(0), new Set());
  socket.destroy();
  server.close();
});
