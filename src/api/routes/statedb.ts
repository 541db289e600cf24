// SPDX-License-Identifier: Apache-2.0
// The agent's tables, below /statedb.
import { checkBody } from "../check-body.ts";
import { ApiError } from "../errors.ts";
import { StatedbQuery } from "../models/request.ts";
import type { Route } from "../router.ts";
import type { AgentApi, StatedbRows } from "../types.ts";

/** Base path of `statedbRoutes`. */
export const statedbBase = "/statedb";

export const statedbRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/dump",
    summary: "Get all rows of all tables",
    answers: { 200: "StatedbDump" },
    handle: ({ api }) => {
      const tables = api.statedb.tables().map(({ name }) => [name, rowsOf(api, name)] as const);
      return { status: 200, body: Object.fromEntries(tables) };
    },
  },
  {
    method: "GET",
    path: "/dump/{table}",
    summary: "Get all rows of a table",
    answers: { 200: "StatedbRow[]" },
    errors: [404],
    handle: ({ api, params }) => ({ status: 200, body: rowsOf(api, params.table ?? "") }),
  },
  {
    method: "GET",
    path: "/query",
    summary: "Get the rows of a table whose key in an index is, begins with, or is not before what is asked for",
    body: "StatedbQuery",
    answers: { 200: "StatedbRow[]" },
    errors: [400, 404],
    handle: async ({ api, body }) => {
      const query = checkBody(StatedbQuery, await body(), "query");
      const rows = api.statedb.query(query);
      if (rows === undefined) throw noTable(api, query.table);
      return { status: 200, body: rows };
    },
  },
  {
    method: "GET",
    path: "/changes/{table}",
    summary: "Get all rows of a table, then each change, until the client goes away",
    answers: { 200: "StatedbChange stream" },
    errors: [404],
    handle: ({ api, params, signal }) => {
      const stream = api.statedb.changes(params.table ?? "", signal);
      if (stream === undefined) throw noTable(api, params.table ?? "");
      return { status: 200, stream };
    },
  },
];

function rowsOf(api: AgentApi, table: string): StatedbRows {
  const rows = api.statedb.rows(table);
  if (rows === undefined) throw noTable(api, table);
  return rows;
}

function noTable(api: AgentApi, table: string): ApiError {
  const names = api.statedb.tables().map(({ name }) => name);
  return new ApiError(404, `Cannot find table "${table}": no such table (there are ${names.join(", ")})`);
}
