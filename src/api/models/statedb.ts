// SPDX-License-Identifier: Apache-2.0
// The agent's tables as they are served below /statedb.
import { z } from "zod";
import { count, longText, type Model, optional, texts } from "./schema.ts";

export const StatedbRow = z.record(longText, z.unknown()).describe("A row: columns to values");

export const StatedbTable = z
  .strictObject({
    name: longText,
    objects: count.describe("How many rows there are"),
    revision: count.describe("Grows with each change of a row"),
    indexes: texts.describe("By what rows may be asked for; the first is the primary key"),
    columns: texts,
    initializers: texts.describe("Sources that have not delivered their first full set"),
  })
  .describe("A table of the agent");

export const StatedbDump = z.record(longText, z.array(StatedbRow)).describe("Tables to their rows");

export const StatedbChange = z
  .strictObject({
    rev: count.describe("The table's revision when it was sent"),
    key: longText,
    obj: optional(StatedbRow),
    deleted: optional(z.boolean()),
    init: optional(
      z.boolean().describe("On the last row of those that were there at the beginning, or on the first one that came"),
    ),
  })
  .describe("A row that came, changed or went; changes between two deliveries are merged");

export type StatedbRow = Model<typeof StatedbRow>;
export type StatedbTable = Model<typeof StatedbTable>;
export type StatedbDump = Model<typeof StatedbDump>;
export type StatedbChange = Model<typeof StatedbChange>;
