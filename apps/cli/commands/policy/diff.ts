// SPDX-License-Identifier: Apache-2.0
// policy diff: what new policies would change, before they are in force.
import type { CommandSpec } from "../../define.ts";
import { manifestsOption } from "./scene-option.ts";

export const diff: CommandSpec = {
  usage: "diff",
  summary: "Show which flows new policies would allow or deny, between the endpoints and identities known now",
  options: [
    ["--all", "flows of every known pod's identity, not just of this node's endpoints"],
    ["--check", "exit with 1 when any flow would change"],
  ],
  repeated: [
    ["-f, --file <file>", "policies to add, or to put in the place of those with their names (- is standard input)"],
    ["--remove <policy>", "policies to take away (NAMESPACE/NAME, or NAME of a clusterwide one)"],
    manifestsOption,
  ],
  run: async (context, call) => (await import("./diff-report.ts")).runDiff(context, call),
};
