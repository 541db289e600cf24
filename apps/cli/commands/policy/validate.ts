// SPDX-License-Identifier: Apache-2.0
// policy validate: everything that is to be said about files of policies before they are used.
import type { CommandSpec } from "../../define.ts";
import { manifestsOption } from "./scene-option.ts";

export const validate: CommandSpec = {
  usage: "validate <files...>",
  summary: "Check files of policies (- is standard input) and tell every problem",
  options: [
    ["--agent", "also ask the agent whether CIDR blocks cover pods or nodes that CIDR rules do not match"],
    ["--strict", "exit with 1 for warnings, and for what only an API server refuses, too"],
  ],
  repeated: [manifestsOption],
  run: async (context, call) => (await import("./validate-report.ts")).runValidate(context, call),
};
