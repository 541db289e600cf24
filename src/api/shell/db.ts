// SPDX-License-Identifier: Apache-2.0
// db: the agent's tables. They are read only; the agent writes no file for a client either.
import { alignTable, CiliumError } from "../../core/index.ts";
import type { StatedbQuery } from "../models.ts";
import type { StatedbTable } from "../types.ts";
import { chosenColumns, formatDump, formatRows } from "./rows.ts";
import type { ShellApi, ShellCall, ShellCommand, ShellFlag } from "./types.ts";
import { watchTable } from "./watch.ts";

const formats = ["table", "json", "yaml"];
const columnsFlag: ShellFlag = { name: "columns", help: "only these, separated by commas" };
const rowFlags: readonly ShellFlag[] = [
  columnsFlag,
  { name: "format", short: "f", help: "table, json or yaml", values: formats },
];
const indexFlag: ShellFlag = { name: "index", short: "i", help: "column that the key is of (default: the first)" };

const tableNames = (api: ShellApi): string[] => api.statedb.tables().map(({ name }) => name);

export const dbCommands: readonly ShellCommand[] = [
  { name: "db", args: "", summary: "List the tables", run: ({ api }) => [`${listTables(api).join("\n")}\n`] },
  {
    name: "db/dump",
    args: "[table...]",
    summary: "Show all rows of all tables, or of some, as JSON",
    announced: true,
    complete: tableNames,
    run: ({ api, args }) => dump(api, args),
  },
  {
    name: "db/show",
    args: "table",
    summary: "Show all rows of a table",
    flags: rowFlags,
    announced: true,
    complete: tableNames,
    run: (call) => {
      const { name, columns } = tableOf(call);
      return formatRows(formatOf(call), chosenColumns(columns, call.flags.get("columns")), rowsOf(call.api, name));
    },
  },
  queryCommand("db/get", "Show the first row whose key is the one given", "exact", 1),
  queryCommand("db/list", "Show the rows whose key is the one given", "exact"),
  queryCommand("db/prefix", "Show the rows whose key begins so", "prefix"),
  queryCommand("db/lowerbound", "Show the rows whose key is not before the one given", "lowerbound"),
  {
    name: "db/watch",
    args: "table",
    summary: "Show all rows of a table, then each change until the client goes away",
    flags: [columnsFlag, { name: "format", short: "f", help: "table or json", values: ["table", "json"] }],
    complete: tableNames,
    run: (call) => {
      const { name, columns, objects } = tableOf(call);
      const changes = call.api.statedb.changes(name, call.signal);
      if (changes === undefined) throw noTable(call.api, name);
      const shown = chosenColumns(columns, call.flags.get("columns"));
      return watchTable(changes, { columns: shown, format: formatOf(call), empty: objects === 0 });
    },
  },
];

function queryCommand(
  name: string,
  summary: string,
  match: NonNullable<StatedbQuery["match"]>,
  most = Number.POSITIVE_INFINITY,
): ShellCommand {
  return {
    ...{ name, summary, args: "table key", flags: [...rowFlags, indexFlag], announced: true, complete: tableNames },
    run: (call) => {
      const table = tableOf(call);
      const key = call.args[1];
      if (key === undefined) throw new CiliumError(`Cannot query table "${table.name}": the key is missing`);
      const index = call.flags.get("index");
      const query = { table: table.name, key, match, ...(index === undefined ? {} : { index }) };
      const rows = call.api.statedb.query(query) ?? [];
      const columns = chosenColumns(table.columns, call.flags.get("columns"));
      return formatRows(formatOf(call), columns, rows.slice(0, most));
    },
  };
}

function formatOf({ flags }: ShellCall): string {
  return flags.get("format") ?? "table";
}

/** We have no rows that are deleted and not yet observed, and no types of Go. */
function listTables({ statedb }: ShellApi): string[] {
  return alignTable(
    [["Name", "Object count", "Zombie objects", "Indexes", "Initializers", "Revision"]],
    statedb.tables().map(({ name, objects, revision, indexes, initializers }) => {
      return [name, String(objects), "0", indexes.join(", "), `[${initializers.join(" ")}]`, String(revision)];
    }),
  );
}

function dump(api: ShellApi, wanted: readonly string[]): AsyncGenerator<string, void, void> {
  const names = wanted.length === 0 ? tableNames(api) : wanted;
  return formatDump(names.map((name) => [name, rowsOf(api, name)]));
}

function rowsOf(api: ShellApi, table: string) {
  const rows = api.statedb.rows(table);
  if (rows === undefined) throw noTable(api, table);
  return rows;
}

/** The table that is asked for. Throws CiliumError, with the names that there are. */
function tableOf({ api, args: [wanted] }: ShellCall): StatedbTable {
  if (wanted === undefined) {
    throw new CiliumError(`Cannot show table: its name is missing (there are ${tableNames(api).join(", ")})`);
  }
  const found = api.statedb.tables().find(({ name }) => name === wanted);
  if (found === undefined) throw noTable(api, wanted);
  return found;
}

function noTable(api: ShellApi, name: string): CiliumError {
  return new CiliumError(`Cannot show table "${name}": no such table (there are ${tableNames(api).join(", ")})`);
}
