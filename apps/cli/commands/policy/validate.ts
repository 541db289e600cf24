// SPDX-License-Identifier: Apache-2.0
// policy validate: checks files of policies, without an agent.
import type { CommandSpec } from "../../define.ts";
import { readPolicies } from "./read.ts";

export const validate: CommandSpec = {
  usage: "validate <file>",
  summary: "Check policies without an agent (- is standard input)",
  run: async (context, call) => {
    const documents = await readPolicies(context, call.args[0] ?? "-");
    const names = documents.map(({ policy: { namespace, name } }) => `${namespace}/${name}`);
    await context.result({ valid: true, policies: names }, () => names.map((name) => `Policy "${name}" is valid`));
  },
};
