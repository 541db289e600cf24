// SPDX-License-Identifier: Apache-2.0
// The agent's tables as they are served below /statedb.
import { z } from "zod";
import { count, longText, type Model, optional } from "./schema.ts";

export const StatedbRow = z.record(longText, z.unknown()).describe("A row: columns to values");

export const StatedbDump = z.record(longText, z.array(StatedbRow)).describe("Tables to their rows");

export const StatedbChange = z
  .strictObject({
    rev: count.describe("The table's revision when it was sent"),
    key: longText,
    obj: optional(StatedbRow).describe("The row; of one that went, what it was"),
    deleted: optional(z.boolean()),
    init: optional(
      z.boolean().describe("On the last row of those that were there at the beginning, or on the first one that came"),
    ),
  })
  .describe("A row that came, changed or went; changes between two deliveries are merged");

export type StatedbRow = Model<typeof StatedbRow>;
export type StatedbDump = Model<typeof StatedbDump>;
export type StatedbChange = Model<typeof StatedbChange>;
