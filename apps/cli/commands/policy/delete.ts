// SPDX-License-Identifier: Apache-2.0
// policy delete: takes imported policies out of force.
import type { CommandSpec } from "../../define.ts";
import { UsageError } from "../../errors.ts";

export const deletePolicy: CommandSpec = {
  usage: "delete [name]",
  summary: "Delete an imported policy (NAMESPACE/NAME), or with --all all of them",
  options: [["--all", "all imported policies"]],
  run: async (context, call) => {
    const [name] = call.args;
    const all = call.options.all === true;
    if ((name === undefined) !== all) {
      throw new UsageError("Cannot delete policy: give either a name or --all");
    }
    const answer = await context.client().deletePolicy(name);
    await context.result(answer, () => [`Revision: ${answer.revision}`]);
  },
};
