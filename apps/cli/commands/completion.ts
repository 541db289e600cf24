// SPDX-License-Identifier: Apache-2.0
// completion: scripts that complete commands, options and values in a shell, and what they ask.
import type { Command } from "commander";
import { CiliumError } from "../../../src/core/index.ts";
import { type Candidate, complete } from "../completion/complete.ts";
import { askCommand, scripts, shells } from "../completion/scripts.ts";
import { valuesFrom } from "../completion/values.ts";
import type { Context } from "../context.ts";
import type { CommandSpec } from "../define.ts";
import { neutraliseCell } from "../output/escape.ts";

export interface CompletionDeps {
  /** The command tree, with at least the command that the words name. */
  readonly tree: (words: readonly string[]) => Promise<Command>;
  /** Names of all commands: quicker to have than the tree. */
  readonly names: readonly string[];
}

export function completion(deps: CompletionDeps): CommandSpec {
  return {
    usage: "completion [shell]",
    summary: `Print a completion script (${shells.join(", ")}; default bash)`,
    plain: true,
    run: async ({ io }, { args: [wanted = "bash"] }) => {
      const shell = shells.find((known) => known === wanted);
      if (shell === undefined) {
        throw new CiliumError(`Cannot complete for "${wanted}": unsupported shell (expected ${shells.join(", ")})`);
      }
      io.stdout(scripts[shell]);
    },
    commands: [
      {
        usage: `${askCommand} [words...]`,
        summary: "Print what may stand at the end of a command line",
        plain: true,
        hidden: true,
        run: async (context, { args }) => {
          const found = await candidates(deps, args, context);
          context.io.stdout(found.map(lineOf).join(""));
        },
      },
    ],
  };
}

async function candidates(deps: CompletionDeps, words: readonly string[], context: Context): Promise<Candidate[]> {
  const [first = ""] = words;
  if (words.length <= 1 && !first.startsWith("-")) {
    return deps.names.filter((name) => name.startsWith(first)).map((word) => ({ word, about: "" }));
  }
  return complete(await deps.tree(words), words, valuesFrom(context));
}

function lineOf({ word, about }: Candidate): string {
  return `${neutraliseCell(word)}\t${neutraliseCell(about)}\n`;
}
