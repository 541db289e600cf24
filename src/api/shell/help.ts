// SPDX-License-Identifier: Apache-2.0
// help: the shell's commands; with -a only names, as completion asks for them.
import { userPattern } from "./pattern.ts";
import type { ShellCommand } from "./types.ts";

/** `all` is asked for when the command runs. */
export function createHelp(all: () => readonly ShellCommand[]): ShellCommand {
  return {
    name: "help",
    args: "[-v] [-a] [regex]",
    summary: "List the commands, or those whose name matches",
    announced: true,
    flags: [
      { name: "a", help: "only names, of those that begin so", isSwitch: true },
      { name: "v", help: "with their options", isSwitch: true },
    ],
    *run({ args: [wanted], flags }) {
      if (flags.has("a")) {
        for (const { name } of all()) if (name.startsWith(wanted ?? "")) yield `${name}\n`;
        return;
      }
      const verbose = wanted !== undefined || flags.has("v");
      const matches = wanted === undefined ? () => true : userPattern(wanted);
      for (const command of all()) if (matches(command.name)) yield describe(command, verbose);
    },
  };
}

function describe({ name, args, summary, flags = [] }: ShellCommand, verbose: boolean): string {
  const options = flags.map(({ name: option }) => (option.length === 1 ? "" : `[--${option}=string] `)).join("");
  const lines = [`${name} ${options}${args}`.trimEnd(), `\t${summary}`];
  if (verbose && flags.length > 0) {
    lines.push("", "\tFlags:");
    for (const flag of flags) {
      const short = flag.short === undefined ? "    " : `-${flag.short}, `;
      lines.push(`\t  ${flag.name.length === 1 ? `-${flag.name}` : `${short}--${flag.name} string`}   ${flag.help}`);
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}
