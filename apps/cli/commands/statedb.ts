// SPDX-License-Identifier: Apache-2.0
// statedb: the agent's tables; the same as the shell's db commands.
import { askShell, ShellClient } from "../../../src/api/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, textOption } from "../define.ts";

const columns = ["--columns <names>", "only these, separated by commas"] as const;
const format = ["-f, --format <format>", "table, json or yaml", "table"] as const;
const index = ["-i, --index <column>", "column that the key is of (default: the first)"] as const;

export const statedb: CommandSpec = {
  usage: "statedb",
  summary: "The agent's tables (as the shell's db commands)",
  commands: [
    {
      usage: "dump [table]",
      summary: "Print all rows of all tables, or of one, as JSON",
      run: async (context, { args: [table] }) => {
        const words = ["db/dump", ...(table === undefined ? [] : [table])];
        const text = await askShell(context.shellSocket, words, context.io.signal);
        const dump = JSON.parse(text) as Record<string, unknown>;
        await context.json(table === undefined ? dump : dump[table]);
      },
    },
    shellCommand("tables", "List the tables", "db", []),
    shellCommand("show <table>", "Show all rows of a table", "db/show", [format, columns]),
    shellCommand("get <table> <key>", "Show the first row of a key", "db/get", [format, columns, index]),
    shellCommand("list <table> <key>", "Show the rows of a key", "db/list", [format, columns, index]),
    shellCommand("prefix <table> <key>", "Show the rows whose key begins so", "db/prefix", [format, columns, index]),
    shellCommand("lowerbound <table> <key>", "Show the rows whose key is not before this one", "db/lowerbound", [
      ...[format, columns, index],
    ]),
    shellCommand("watch <table>", "Show all rows, then each change until interrupted", "db/watch", [format, columns]),
  ],
};

function shellCommand(
  usage: string,
  summary: string,
  command: string,
  options: NonNullable<CommandSpec["options"]>,
): CommandSpec {
  const run = async (context: Context, call: Call) => {
    const given = ["format", "columns", "index"].flatMap((name) => {
      const value = textOption(call, name);
      return value === undefined ? [] : [`--${name}=${value}`];
    });
    using client = await ShellClient.open(context.shellSocket, context.io.signal);
    await client.runWords([command, ...given, "--", ...call.args], context.io.stdout);
  };
  return { usage, summary, options, plain: true, run };
}
