// SPDX-License-Identifier: Apache-2.0
// Runs commands of this program for a sysdump, one after the other: a process of its own, which can be ended.
import { run } from "../program.ts";
import type { FromWorker, ToWorker } from "./runner.ts";

let stop = new AbortController();

function send(message: FromWorker): void {
  process.send?.(message);
}

async function runCommand({ command, most }: Extract<ToWorker, { command: unknown }>): Promise<void> {
  stop = new AbortController();
  let left = most;
  let truncated = false;
  let stderr = "";
  const code = await run(command, {
    env: process.env,
    stdout: (text) => {
      const bytes = Buffer.from(text);
      truncated ||= bytes.length > left;
      if (left > 0) send({ output: bytes.subarray(0, left).toString("base64") });
      left -= Math.min(left, bytes.length);
      // A command that goes on and on may stop.
      if (truncated) stop.abort();
    },
    stderr: (text) => {
      stderr = `${stderr}${text}`.slice(-4096);
    },
    stdin: async () => "",
    signal: stop.signal,
    now: () => Date.now(),
  });
  send({ code, stderr, truncated });
}

process.on("message", (message: ToWorker) => {
  if ("end" in message) stop.abort();
  else void runCommand(message);
});
process.once("disconnect", () => process.exit(0));
