// SPDX-License-Identifier: Apache-2.0
// cilium and cilium-dbg, the command line.
import { createInterface } from "node:readline/promises";
import { text } from "node:stream/consumers";
import { run } from "./program.ts";

let stop: AbortController | undefined;

/** Made when a command asks for it: the others end at once with a signal, as any program does. */
function stopSignal(): AbortSignal {
  if (stop !== undefined) return stop.signal;
  const controller = new AbortController();
  stop = controller;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  }
  return controller.signal;
}

/** Ctrl-D is no answer. */
async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
    return await Promise.race([terminal.question(question), closed]);
  } finally {
    terminal.close();
  }
}

// A reader that went away (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(`Error: Cannot write the output: ${error.code ?? error.message}\n`);
  process.exit(1);
});

const code = await run(process.argv.slice(2), {
  env: process.env,
  stdout: (part) => void process.stdout.write(part),
  stderr: (part) => void process.stderr.write(part),
  stdin: () => text(process.stdin),
  ask: process.stdin.isTTY ? ask : undefined,
  get signal() {
    return stopSignal();
  },
  now: () => Date.now(),
});
// A command may have set one of its own: that of a program it ran.
if (code !== 0) process.exitCode = code;
