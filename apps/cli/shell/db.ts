// SPDX-License-Identifier: Apache-2.0
// db: the agent's tables.
import { writeFile } from "node:fs/promises";
import { StatedbClient, type StatedbQuery, type StatedbRow, type StatedbTable } from "../../../src/api/index.ts";
import { CiliumError } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import { UsageError } from "../errors.ts";
import { neutraliseLine } from "../output/escape.ts";
import { alignTable } from "../output/table.ts";
import { chosenColumns, formatRows } from "./rows.ts";
import type { ShellCall, ShellCommand } from "./types.ts";
import { watchTable } from "./watch.ts";

const rowOptions = ["format", "columns", "o"];
const rowUsage = "[-format=table|json|yaml] [-columns=A,B] [-o=FILE]";

export const dbCommands: readonly ShellCommand[] = [
  { name: "db", usage: "db", summary: "List the tables", options: ["format"], run: showTables },
  { name: "db/tables", usage: "db/tables", summary: "List the tables", options: ["format"], run: showTables },
  {
    name: "db/show",
    usage: `db/show TABLE ${rowUsage}`,
    summary: "Show all rows of a table",
    options: rowOptions,
    run: async (context, call) => {
      const table = await tableOf(context, call);
      await print(context, call, table, await clientOf(context).rows(table.name));
    },
  },
  queryCommand("db/get", "exact", "whose key is"),
  queryCommand("db/list", "exact", "whose key is"),
  queryCommand("db/prefix", "prefix", "whose key begins with"),
  queryCommand("db/lowerbound", "lowerbound", "whose key is not before"),
  {
    name: "db/watch",
    usage: "db/watch TABLE [-format=table|json] [-columns=A,B]",
    summary: "Show all rows of a table, then each change until interrupted",
    options: ["format", "columns"],
    run: async (context, call) => {
      const { name, columns } = await tableOf(context, call);
      const chosen = chosenColumns(columns, call.options.get("columns"));
      const changes = clientOf(context).changes(name, context.io.signal);
      await watchTable(context, changes, chosen, call.options.get("format") ?? "table");
    },
  },
];

function queryCommand(name: string, match: NonNullable<StatedbQuery["match"]>, words: string): ShellCommand {
  return {
    name,
    usage: `${name} TABLE KEY [-index=COLUMN] ${rowUsage}`,
    summary: `Show the rows ${words} KEY`,
    options: [...rowOptions, "index"],
    run: async (context, call) => {
      const table = await tableOf(context, call);
      const key = call.args[1];
      if (key === undefined) throw new UsageError(`Cannot query table "${table.name}": the key is missing`);
      const index = call.options.get("index");
      const query = { table: table.name, key, match, ...(index === undefined ? {} : { index }) };
      const rows = await clientOf(context).query(query);
      if (rows.length === 0) throw new CiliumError(`Cannot find "${key}" in table "${table.name}": no such row`);
      await print(context, call, table, rows);
    },
  };
}

function clientOf(context: Context): StatedbClient {
  return new StatedbClient(context.agentSocket);
}

async function showTables(context: Context, call: ShellCall): Promise<void> {
  const tables = await clientOf(context).tables();
  const columns = ["Name", "Objects", "Revision", "Indexes", "Initializers"];
  const rows = tables.map(({ name, objects, revision, indexes, initializers }) => ({
    ...{ Name: name, Objects: objects, Revision: revision, Indexes: indexes, Initializers: initializers },
  }));
  const format = call.options.get("format") ?? "table";
  if (format === "table") {
    context.print(
      alignTable(
        [columns],
        rows.map((row) => [
          ...[row.Name, String(row.Objects), String(row.Revision), row.Indexes.join(", "), row.Initializers.join(", ")],
        ]),
      ),
    );
    return;
  }
  const made = await formatRows(format, columns, rows);
  if ("text" in made) context.io.stdout(made.text);
}

/** The table that is asked for. Throws UsageError, with the names that there are. */
async function tableOf(context: Context, { args: [wanted] }: ShellCall): Promise<StatedbTable> {
  const tables = await clientOf(context).tables();
  const names = tables.map(({ name }) => name).join(", ");
  if (wanted === undefined) throw new UsageError(`Cannot show table: its name is missing (there are ${names})`);
  const found = tables.find(({ name }) => name === wanted);
  if (found === undefined) throw new UsageError(`Cannot show table "${wanted}": no such table (there are ${names})`);
  return found;
}

async function print(
  context: Context,
  call: ShellCall,
  table: StatedbTable,
  rows: readonly StatedbRow[],
): Promise<void> {
  const columns = chosenColumns(table.columns, call.options.get("columns"));
  const made = await formatRows(call.options.get("format") ?? "table", columns, rows);
  const file = call.options.get("o");
  if (file !== undefined) {
    const text = "text" in made ? made.text : made.lines.map((line) => `${neutraliseLine(line)}\n`).join("");
    await writeFile(file, text, { mode: 0o600 });
  } else if ("text" in made) context.io.stdout(made.text);
  else context.print(made.lines);
}
