// SPDX-License-Identifier: Apache-2.0
// shell: commands that the agent runs for its clients (shell.sock), one given or many asked for.
import { ShellClient } from "../../../src/api/index.ts";
import { CiliumError, errorChain } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import type { CommandSpec } from "../define.ts";
import { ExitError, UsageError } from "../errors.ts";
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
    if (exitWords.includes(line.trim())) return;
    if (line.trim() === "") await runLines(context, client);
    else await client.run(line, stdout);
  },
};

const exitWords = ["exit", "quit", "stop"];

/** Asks for lines until `exit`; where there is no terminal, reads them, and fails in the end when one has. An error ends a line and not the shell. */
async function runLines(context: Context, client: ShellClient): Promise<void> {
  const { ask, stdin, signal } = context.io;
  if (ask === undefined) {
    let failed = false;
    for (const text of (await stdin()).split("\n")) {
      const line = text.trim();
      if (exitWords.includes(line)) break;
      if (line !== "" && !(await runLine(context, client, line))) failed = true;
    }
    if (failed) throw new ExitError(1);
    return;
  }
  while (!signal.aborted) {
    const line = (await ask(prompt)).trim();
    if (line === "" || exitWords.includes(line)) return;
    await runLine(context, client, line);
  }
}

/** Whether the agent could run it. */
async function runLine(context: Context, client: ShellClient, line: string): Promise<boolean> {
  try {
    await client.run(line, context.io.stdout);
    return true;
  } catch (error) {
    if (!(error instanceof CiliumError)) throw error;
    context.io.stderr(`Error: ${neutraliseLine(errorChain(error))}\n`);
    return false;
  }
}
