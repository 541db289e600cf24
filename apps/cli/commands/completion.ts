// SPDX-License-Identifier: Apache-2.0
// completion: scripts that complete commands and options in a shell.
import type { Command } from "commander";
import type { Context } from "../context.ts";
import type { Call, CommandSpec } from "../define.ts";
import { UsageError } from "../errors.ts";

const shells = ["bash", "zsh", "fish"] as const;

/** `tree` gives the whole command tree. */
export function completion(tree: () => Promise<Command>): CommandSpec {
  return {
    usage: "completion <shell>",
    summary: `Print a completion script (${shells.join(", ")})`,
    plain: true,
    run: async (context: Context, call: Call) => {
      const shell = shells.find((known) => known === call.args[0]);
      if (shell === undefined) {
        throw new UsageError(`Cannot complete for "${call.args[0]}": unknown shell (expected ${shells.join(", ")})`);
      }
      const words = wordsOf(await tree());
      context.io.stdout(shell === "fish" ? fishScript(words) : bashScript(words, shell === "zsh"));
    },
  };
}

/** Command paths ("endpoint list") to the words that may follow. */
type Words = ReadonlyMap<string, readonly string[]>;

function wordsOf(program: Command): Words {
  const words = new Map<string, readonly string[]>();
  const visit = (command: Command, path: string): void => {
    const options = command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]));
    words.set(path, [...command.commands.map((child) => child.name()), ...options, "--help"]);
    for (const child of command.commands) visit(child, path === "" ? child.name() : `${path} ${child.name()}`);
  };
  visit(program, "");
  return words;
}

function bashScript(words: Words, zsh: boolean): string {
  const cases = Array.from(words, ([path, next]) => `    "${path}") next="${next.join(" ")}" ;;`).join("\n");
  return `${zsh ? "autoload -U +X bashcompinit && bashcompinit\n" : ""}_cilium() {
  local path="" word next="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$next" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _cilium cilium cilium-dbg
`;
}

function fishScript(words: Words): string {
  const lines = Array.from(words, ([path, next]) => {
    const condition = path === "" ? "__fish_use_subcommand" : `__fish_seen_subcommand_from ${path.split(" ").at(-1)}`;
    return ["cilium", "cilium-dbg"]
      .map((name) => `complete -c ${name} -n '${condition}' -a '${next.join(" ")}'`)
      .join("\n");
  });
  return `${lines.join("\n")}\n`;
}
