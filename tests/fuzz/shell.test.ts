// SPDX-License-Identifier: Apache-2.0
// The shell's socket with lines of any form: each is answered with one marker, as text that steers no terminal.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before } from "node:test";
import { createShellServer } from "../../src/api/index.ts";
import { createMemoryAgent } from "../../src/api/testing.ts";
import { configureLogging } from "../../src/core/index.ts";
import { assertNoPollution, fuzz, type Random } from "./random.ts";

configureLogging({ level: "silent" });

const directory = mkdtempSync(join(tmpdir(), "fuzz-shell-"));
const socketPath = join(directory, "shell.sock");
const server = createShellServer({ api: createMemoryAgent().api, socketPath });

before(() => server.start());
after(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

const goodLines = [
  ...["db", "db/show ipcache --columns=Prefix -f json", "db get ipcache '10.0.0.0/8' -i Prefix", "db/watch ipcache"],
  ...["metrics ^cilium_.*$ --format=yaml", "help -v db", "help -a m", "db/show --autocomplete='ip --fo'", "# nothing"],
];

function line(random: Random): string {
  const good = random.pick(goodLines);
  const made = random.chance(0.2) ? random.text(200) : random.chance(0.7) ? random.mutateText(good) : good;
  return made.replaceAll("\n", " ").slice(0, 1000);
}

fuzz("lines: one marker each, no control characters, and the next client is served", 1500, async (random) => {
  const lines = Array.from({ length: random.int(1, 5) }, () => line(random));
  const socket = createConnection({ path: socketPath, allowHalfOpen: true });
  socket.end(`${lines.join("\n")}\n`);
  const answer = await text(socket);
  const ends = answer.match(/<<(end|error)>>$/gm)?.length ?? 0;
  const asked = lines.findIndex((each) => ["exit", "quit", "stop"].includes(each.trim()));
  assert.equal(ends, asked < 0 ? lines.length : asked, JSON.stringify({ lines, answer }));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not come back
  assert.doesNotMatch(answer, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/, JSON.stringify(lines));
  assertNoPollution();
});
