// SPDX-License-Identifier: Apache-2.0
// How commands are written down: one constant a command, one array a group.
import { Command } from "commander";
import { Context, type Io } from "./context.ts";

/** What a command gets: its arguments (a variadic one is several) and its own options. */
export interface Call {
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** One command of the tree. */
export interface CommandSpec {
  /** Name and arguments, such as "get [id]" or "import <file>". */
  readonly usage: string;
  readonly summary: string;
  readonly aliases?: readonly string[];
  /** Flags and help, such as ["-n, --numeric", "show numbers"]; a third element is the default. */
  readonly options?: readonly (readonly [flags: string, help: string, value?: string])[];
  /** Options that may be given several times. */
  readonly repeated?: readonly (readonly [flags: string, help: string])[];
  /** Flags that count how often they are given. */
  readonly counted?: readonly (readonly [flags: string, help: string])[];
  /** Absent for groups. */
  readonly run?: (context: Context, call: Call) => Promise<void>;
  readonly commands?: readonly CommandSpec[];
  /** No `-o`. */
  readonly plain?: boolean;
  /** Not in the help. */
  readonly hidden?: boolean;
}

/** Makes the commander command of a specification, with everything below it. */
export function buildCommand(spec: CommandSpec, io: Io): Command {
  const [name = "", ...params] = spec.usage.split(" ");
  const command = new Command(name).description(spec.summary).aliases([...(spec.aliases ?? [])]);
  for (const param of params) command.argument(param);
  for (const [flags, help, value] of spec.options ?? []) command.option(flags, help, value);
  for (const [flags, help] of spec.repeated ?? []) {
    command.option(flags, help, (value: string, previous: string[]) => [...previous, value], []);
  }
  for (const [flags, help] of spec.counted ?? []) {
    command.option(flags, help, (_: string, previous: number) => previous + 1, 0);
  }
  const { run } = spec;
  if (run !== undefined) {
    if (spec.plain !== true) command.option("-o, --output <format>", "json, yaml or jsonpath=TEMPLATE");
    command.action(async () => {
      await run(new Context(io, command), { args: command.args, options: command.opts() });
    });
  }
  for (const child of spec.commands ?? [])
    command.addCommand(buildCommand(child, io), { hidden: child.hidden === true });
  return command;
}

/** A text option, or undefined. */
export function textOption(call: Call, name: string): string | undefined {
  const value = call.options[name];
  return typeof value === "string" ? value : undefined;
}

/** Whether a flag is set. */
export function flag(call: Call, name: string): boolean {
  return call.options[name] === true;
}

/** How often a counted flag is set. */
export function times(call: Call, name: string): number {
  const value = call.options[name];
  return typeof value === "number" ? value : 0;
}

/** Values of a repeated option; commas separate too. */
export function listOption(call: Call, name: string): readonly string[] {
  const value = call.options[name];
  if (!Array.isArray(value)) return [];
  return value.flatMap((item) => String(item).split(",")).filter((item) => item !== "");
}
