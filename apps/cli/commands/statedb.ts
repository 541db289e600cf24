// SPDX-License-Identifier: Apache-2.0
// statedb: the agent's tables; the same as the shell's db commands.
import { StatedbClient } from "../../../src/api/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, textOption } from "../define.ts";
import { runWords } from "../shell/index.ts";

const columns = ["--columns <names>", "only these, separated by commas"] as const;
const format = ["--format <format>", "table, json or yaml", "table"] as const;
const index = ["--index <column>", "column that the key is of (default: the first)"] as const;

export const statedb: CommandSpec = {
  usage: "statedb",
  summary: "The agent's tables (as the shell's db commands)",
  commands: [
    {
      usage: "dump [table]",
      summary: "Print all rows of all tables, or of one, as JSON",
      run: async (context, { args: [table] }) => {
        const client = new StatedbClient(context.agentSocket);
        await context.json(table === undefined ? await client.dump() : await client.rows(table));
      },
    },
    shellCommand("tables", "List the tables", "db/tables", [format]),
    shellCommand("show <table>", "Show all rows of a table", "db/show", [format, columns]),
    shellCommand("get <table> <key>", "Show the rows of a key", "db/get", [format, columns, index]),
    shellCommand("prefix <table> <key>", "Show the rows whose key begins so", "db/prefix", [format, columns, index]),
    shellCommand("watch <table>", "Show all rows, then each change until interrupted", "db/watch", [format, columns]),
  ],
};

function shellCommand(
  usage: string,
  summary: string,
  command: string,
  options: NonNullable<CommandSpec["options"]>,
): CommandSpec {
  const run = (context: Context, call: Call) => {
    const given = ["format", "columns", "index"].flatMap((name) => {
      const value = textOption(call, name);
      return value === undefined ? [] : [`-${name}=${value}`];
    });
    return runWords(context, [command, ...call.args, ...given]);
  };
  return { usage, summary, options, plain: true, run };
}
