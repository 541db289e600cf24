// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { test } from "node:test";
import { boundConnections } from "./connections.ts";

test("threats: connections that are only held open keep no question out, and a failed one ends no server", async (t) => {
  const failures: string[] = [];
  const server = createServer((_, response) => response.end("well"));
  boundConnections(server, 8, (error) => failures.push(error.message));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const idle: Socket[] = [];
  t.after(() => {
    for (const socket of idle) socket.destroy();
    server.close();
  });
  for (let count = 0; count < 20; count++) {
    idle.push(connect(port, "127.0.0.1").on("error", () => {}));
    await once(idle.at(-1) as Socket, "connect");
  }
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
  assert.equal(await answer.text(), "well");
  server.emit("error", new Error("accept ENOMEM"));
  assert.deepEqual(failures, ["accept ENOMEM"]);
});
