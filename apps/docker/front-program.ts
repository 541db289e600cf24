// SPDX-License-Identifier: Apache-2.0
// For tests, behind the door: answers with what it was sent and its process id. `/last` ends it before the answer, `/slow`
// waits for the end of the file that is sent.
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { frontOf } from "./front.ts";

const [folder = "", failing] = process.argv.slice(2);
if (failing !== undefined) process.exit(Number(failing));

rmSync(`${folder}/own.sock`, { force: true });
const server = createServer(async (request, response) => {
  const body = await text(request);
  // Once: the next program finds the file.
  if (request.url === "/last" && !existsSync(body)) {
    writeFileSync(body, "");
    process.kill(process.pid, "SIGKILL");
  }
  while (request.url === "/slow" && existsSync(body)) await sleep(20);
  const answer = JSON.stringify({ body, pid: process.pid });
  response.writeHead(200, { "content-length": answer.length, connection: "close" });
  response.end(answer);
});
process.once("SIGTERM", () => server.close(() => process.exit(0)));
server.listen(
  `${folder}/own.sock`,
  () => void frontOf(process.env)?.open(`${folder}/engine.sock`, `${folder}/own.sock`),
);
