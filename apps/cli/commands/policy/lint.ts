// SPDX-License-Identifier: Apache-2.0
// policy lint: rules that are valid and yet cannot mean what they say.
import type { CommandSpec } from "../../define.ts";
import { manifestsOption } from "./scene-option.ts";

export const lint: CommandSpec = {
  usage: "lint",
  summary: "Find rules that are shadowed, dead or contradicting, select nothing, or cover everything",
  options: [["--check", "exit with 1 when there is any warning"]],
  repeated: [manifestsOption],
  run: async (context, call) => (await import("./lint-report.ts")).runLint(context, call),
};
