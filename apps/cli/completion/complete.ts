// SPDX-License-Identifier: Apache-2.0
// What may stand at the end of a command line: commands, options, and values that the agent knows.
import type { Command, Option } from "commander";
import { childNamed, optionNamed, takesValue } from "../command-tree.ts";
import type { Values } from "./values.ts";

/** One word, with what it means when that is known. */
export interface Candidate {
  readonly word: string;
  readonly about: string;
}

/** `words`: the line without the program; the last one is being written, and may be empty. */
export async function complete(program: Command, words: readonly string[], values: Values): Promise<Candidate[]> {
  const partial = words.at(-1) ?? "";
  const { command, path, args, open } = walk(program, words.slice(0, -1));
  if (open !== undefined) return matching(partial, await values.ofOption(path, open.attributeName()));
  const [name, value] = splitOption(partial);
  if (value !== undefined) {
    const option = command.options.find(({ long }) => long === name);
    if (option === undefined) return [];
    const found = matching(value, await values.ofOption(path, option.attributeName()));
    return found.map(({ word, about }) => ({ word: `${name}=${word}`, about }));
  }
  if (partial.startsWith("-")) return matching(partial, optionsOf(command));
  const commands = args.length === 0 ? command.commands.filter(isShown).map(describe) : [];
  return matching(partial, [...commands, ...(await values.ofArgument(path, args))]);
}

interface Place {
  readonly command: Command;
  /** Names of the commands, such as "endpoint get". */
  readonly path: string;
  /** Arguments of the command so far. */
  readonly args: readonly string[];
  /** The option whose value comes next. */
  readonly open: Option | undefined;
}

/** Follows the words down the tree. */
function walk(program: Command, words: readonly string[]): Place {
  let command = program;
  const path: string[] = [];
  const args: string[] = [];
  let open: Option | undefined;
  let literal = false;
  for (const word of words) {
    if (open !== undefined) open = undefined;
    else if (word === "--" && !literal) literal = true;
    else if (word.startsWith("-") && !literal) open = openedBy(command, word);
    else {
      const child = args.length === 0 && !literal ? childNamed(command, word) : undefined;
      if (child === undefined) args.push(word);
      else {
        command = child;
        path.push(child.name());
      }
    }
  }
  return { command, path: path.join(" "), args, open };
}

/** The option that waits for its value behind this word. */
function openedBy(command: Command, word: string): Option | undefined {
  if (word.includes("=")) return undefined;
  const option = optionNamed(command, word);
  return option !== undefined && takesValue(option) ? option : undefined;
}

function optionsOf(command: Command): Candidate[] {
  const all: Candidate[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) {
    for (const { long, hidden, description } of at.options) {
      if (long !== undefined && long !== null && !hidden) all.push({ word: long, about: description });
    }
  }
  return [...all, { word: "--help", about: "show help" }];
}

/** `--name=value` in two; undefined where there is no `=`. */
function splitOption(word: string): readonly [name: string, value: string | undefined] {
  const equals = word.indexOf("=");
  if (!word.startsWith("--") || equals < 0) return [word, undefined];
  return [word.slice(0, equals), word.slice(equals + 1)];
}

function isShown(command: Command): boolean {
  return !command.name().startsWith("__");
}

function describe(command: Command): Candidate {
  return { word: command.name(), about: command.description() };
}

function matching(partial: string, candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ word }) => word.startsWith(partial));
}
