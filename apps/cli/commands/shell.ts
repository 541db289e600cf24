// SPDX-License-Identifier: Apache-2.0
// shell: commands that the agent runs for its clients (shell.sock), one given or many asked for.
import { ShellClient } from "../../../src/api/index.ts";
import { CiliumError, errorChain } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import type { CommandSpec } from "../define.ts";
import { UsageError } from "../errors.ts";
import { neutraliseLine } from "../output/escape.ts";
import { shellSocketOf, shellSocketOption } from "./shell-socket.ts";

const prompt = "cilium> ";

export const shell: CommandSpec = {
  usage: "shell [command...]",
  summary: "Run a command of the agent's shell, such as: shell -- db/show health (without one: ask for them)",
  plain: true,
  options: [shellSocketOption],
  run: async (context, call) => {
    const { signal, stdout } = context.io;
    using client = await ShellClient.open(shellSocketOf(context, call), signal);
    const line = call.args.join(" ");
    if (/\n/.test(line)) throw new UsageError("Cannot run a command of several lines: one at a time");
    if (line.trim() === "") await runLines(context, client);
    else await client.run(line, stdout);
  },
};

/** Asks for lines until `exit`; where there is no terminal, reads them. An error ends a line and not the shell. */
async function runLines(context: Context, client: ShellClient): Promise<void> {
  const { ask, stdin, signal } = context.io;
  if (ask === undefined) {
    for (const line of (await stdin()).split("\n")) if (line.trim() !== "") await runLine(context, client, line);
    return;
  }
  while (!signal.aborted) {
    const line = (await ask(prompt)).trim();
    if (line === "" || ["exit", "quit", "stop"].includes(line)) return;
    await runLine(context, client, line);
  }
}

async function runLine(context: Context, client: ShellClient, line: string): Promise<void> {
  try {
    await client.run(line, context.io.stdout);
  } catch (error) {
    if (!(error instanceof CiliumError)) throw error;
    context.io.stderr(`Error: ${neutraliseLine(errorChain(error))}\n`);
  }
}
