// SPDX-License-Identifier: Apache-2.0
// Finding commands and options in commander's tree.
import type { Command, Option } from "commander";

/** The child of this name or alias. */
export function childNamed(command: Command, word: string): Command | undefined {
  return command.commands.find((child) => child.name() === word || child.aliases().includes(word));
}

/** The option of this name ("--output", "-o"), of the command or of those above it. */
export function optionNamed(command: Command, name: string): Option | undefined {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const option = at.options.find(({ long, short }) => long === name || short === name);
    if (option !== undefined) return option;
  }
  return undefined;
}

/** Whether a value belongs to the option. */
export function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}
