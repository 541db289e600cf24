// SPDX-License-Identifier: Apache-2.0
// shell: commands about the agent's tables and metrics, one given or many asked for.
import type { CommandSpec } from "../define.ts";
import { runLines, runWords } from "../shell/index.ts";

export const shell: CommandSpec = {
  usage: "shell [command...]",
  summary: "Run a command of the agent's shell, such as: shell -- db/show health (without one: ask for them)",
  plain: true,
  run: async (context, { args }) => {
    // One argument may hold a whole line.
    const words = args.flatMap((arg) => arg.split(/\s+/)).filter((word) => word !== "");
    if (words.length === 0) await runLines(context);
    else await runWords(context, words);
  },
};
