// SPDX-License-Identifier: Apache-2.0
// policy import: puts policies into force that are kept by the agent itself.
import type { CommandSpec } from "../../define.ts";
import { readPolicies } from "./read.ts";

export const importPolicies: CommandSpec = {
  usage: "import <file>",
  summary: "Add or replace policies from a file of manifests (YAML or JSON; - is standard input)",
  run: async (context, call) => {
    const documents = await readPolicies(context, call.args[0] ?? "-");
    const answer = await context.client().putPolicy(documents.map(({ resource }) => resource));
    await context.result(answer, () => [`Revision: ${answer.revision}`]);
  },
};
