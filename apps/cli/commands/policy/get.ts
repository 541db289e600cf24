// SPDX-License-Identifier: Apache-2.0
// policy get: the policies in force, as they were given.
import type { CommandSpec } from "../../define.ts";

export const get: CommandSpec = {
  usage: "get",
  summary: "Show the policies in force",
  run: async (context) => {
    const found = await context.client().getPolicy();
    await context.result(found, () => [
      // JSON of the agent's: texts in it hold no newline.
      ...found.policy.trimEnd().split("\n"),
      `Revision: ${found.revision}`,
    ]);
  },
};
