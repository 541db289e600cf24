// SPDX-License-Identifier: Apache-2.0
// The shell's commands: finding the one of a line, and reading its options.
import { CiliumError, nearest } from "../../core/index.ts";
import { dbCommands } from "./db.ts";
import { createHelp } from "./help.ts";
import { metricCommands } from "./metrics.ts";
import type { ShellApi, ShellCall, ShellCommand, ShellFlag } from "./types.ts";

/** All commands, by name. */
const commands: readonly ShellCommand[] = [
  ...[...dbCommands, ...metricCommands, createHelp(() => commands)].sort((a, b) => (a.name < b.name ? -1 : 1)),
];

/** A command that can be run. */
export interface PreparedCommand {
  readonly announced: boolean;
  readonly output: () => AsyncIterable<string> | Iterable<string>;
}

/** The command of a line; undefined for an empty one. Throws CiliumError for what is none. */
export function prepare(api: ShellApi, words: readonly string[], signal: AbortSignal): PreparedCommand | undefined {
  const [first, second = ""] = words;
  if (first === undefined) return undefined;
  const joined = commands.find(({ name }) => name === `${first}/${second}`);
  const command = joined ?? commands.find(({ name }) => name === first);
  if (command === undefined) throw noCommand(first);
  const rest = words.slice(joined === undefined ? 1 : 2);
  const partial = /^--autocomplete=(.*)$/s.exec(rest[0] ?? "")?.[1];
  if (partial !== undefined) return { announced: true, output: () => suggestions(api, command, partial) };
  if (["-h", "-help", "--help"].includes(rest[0] ?? "")) return prepare(api, ["help", `^${command.name}$`], signal);
  const call = { api, signal, ...readOptions(rest, command) };
  return { announced: command.announced === true, output: () => command.run(call) };
}

function noCommand(word: string): CiliumError {
  const guess = nearest(
    word,
    commands.map(({ name }) => name),
  );
  return new CiliumError(
    `Cannot run "${word}": no such command (${guess === undefined ? "see help" : `did you mean ${guess}?`})`,
  );
}

function readOptions(words: readonly string[], { name, flags: known = [] }: ShellCommand) {
  const args: string[] = [];
  const flags = new Map<string, string>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--") {
      args.push(...words.slice(at + 1));
      break;
    }
    const match = /^--?([a-z]+)(?:=(.*))?$/s.exec(word);
    if (match === null) {
      args.push(word);
      continue;
    }
    const [, option = "", given] = match;
    const flag = known.find((each) => each.name === option || each.short === option);
    if (flag === undefined) throw noOption(name, word, known);
    const value = given ?? (flag.isSwitch === true ? "" : words[++at]);
    if (value === undefined) throw new CiliumError(`Cannot run "${name}": option "${word}" needs a value`);
    flags.set(flag.name, value);
  }
  return { args, flags } satisfies Pick<ShellCall, "args" | "flags">;
}

function noOption(name: string, word: string, known: readonly ShellFlag[]): CiliumError {
  const have = known.length === 0 ? "it has none" : `it has ${known.map((each) => `--${each.name}`).join(", ")}`;
  return new CiliumError(`Cannot run "${name}": unknown option "${word}" (${have})`);
}

/** Whole lines that `partial`, the arguments so far, may become: a value or name of an option, or a first argument. */
function* suggestions(api: ShellApi, command: ShellCommand, partial: string): Generator<string, void, void> {
  const words = partial.split(" ");
  const last = words.at(-1) ?? "";
  const before = `${command.name} ${partial.slice(0, partial.length - last.length)}`;
  const [, option = "", value] = /^--([a-z]*)(?:=(.*))?$/s.exec(last) ?? [];
  const offer = (prefix: string, offered: readonly string[], start: string) =>
    offered.filter((word) => word.startsWith(start)).map((word) => `${before}${prefix}${word}\n`);
  if (value !== undefined) {
    yield* offer(`--${option}=`, command.flags?.find(({ name }) => name === option)?.values ?? [], value);
  } else if (last.startsWith("--")) {
    yield* offer("--", command.flags?.map(({ name }) => name) ?? [], option);
  } else if (words.every((word, at) => at === words.length - 1 || word.startsWith("-"))) {
    yield* offer("", command.complete?.(api) ?? [], last);
  }
}
