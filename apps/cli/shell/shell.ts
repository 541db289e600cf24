// SPDX-License-Identifier: Apache-2.0
// The shell: finding the command of a line, and running it.
import { CiliumError, errorChain, nearest } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import { UsageError } from "../errors.ts";
import { neutraliseLine } from "../output/escape.ts";
import { alignTable } from "../output/table.ts";
import { dbCommands } from "./db.ts";
import { metricCommands } from "./metrics.ts";
import type { ShellCall, ShellCommand } from "./types.ts";

const prompt = "cilium> ";

const help: ShellCommand = {
  name: "help",
  usage: "help",
  summary: "List the commands",
  run: async (context) => {
    context.print(
      alignTable(
        undefined,
        shellCommands.map(({ usage, summary }) => [usage, summary]),
      ),
    );
  },
};

/** All commands. */
export const shellCommands: readonly ShellCommand[] = [...dbCommands, ...metricCommands, help];

/** Runs one line, given as words. Throws UsageError for what is no command. */
export async function runWords(context: Context, words: readonly string[]): Promise<void> {
  const [first = "", second = ""] = words;
  const joined = shellCommands.find(({ name }) => name === `${first}/${second}`);
  const command = joined ?? shellCommands.find(({ name }) => name === first);
  if (command === undefined) {
    const names = shellCommands.map(({ name }) => name);
    const guess = nearest(first, names);
    throw new UsageError(
      `Cannot run "${first}": no such command (${guess === undefined ? "see help" : `did you mean ${guess}?`})`,
    );
  }
  await command.run(context, readCall(words.slice(joined === undefined ? 1 : 2), command));
}

/** Asks for lines until `exit`; where there is no terminal, reads them. An error ends a line and not the shell. */
export async function runLines(context: Context): Promise<void> {
  const { ask, stdin, signal } = context.io;
  if (ask === undefined) {
    for (const line of (await stdin()).split("\n")) if (line.trim() !== "") await runLine(context, line);
    return;
  }
  while (!signal.aborted) {
    const line = (await ask(prompt)).trim();
    if (line === "" || line === "exit" || line === "quit") return;
    await runLine(context, line);
  }
}

async function runLine(context: Context, line: string): Promise<void> {
  try {
    await runWords(context, line.trim().split(/\s+/));
  } catch (error) {
    if (!(error instanceof CiliumError)) throw error;
    context.io.stderr(`Error: ${neutraliseLine(errorChain(error))}\n`);
  }
}

function readCall(words: readonly string[], { name, options: known = [] }: ShellCommand): ShellCall {
  const args: string[] = [];
  const options = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const match = /^--?([a-z]+)(?:=(.*))?$/.exec(word);
    if (match === null) {
      args.push(word);
      continue;
    }
    const [, option = "", given] = match;
    if (!known.includes(option)) {
      const have = known.length === 0 ? "it has none" : `it has ${known.map((each) => `-${each}`).join(", ")}`;
      throw new UsageError(`Cannot run "${name}": unknown option "${word}" (${have})`);
    }
    const value = given ?? words[++i];
    if (value === undefined) throw new UsageError(`Cannot run "${name}": option "${word}" needs a value`);
    options.set(option, value);
  }
  return { args, options };
}
