// SPDX-License-Identifier: Apache-2.0
// The command tree, and one run of it.
import { Command, CommanderError } from "commander";
import { errorChain, toError } from "../../src/core/index.ts";
import type { Io } from "./context.ts";
import { ExitError, UsageError } from "./errors.ts";
import { fromGoFlags } from "./go-flags.ts";
import { neutralise, neutraliseLine } from "./output/escape.ts";
import { type Entry, healthRegistry, registry } from "./registry.ts";

/** Options of the program that take a value, for finding the command's name before anything is loaded. */
const valueOptions = ["-H", "--host", "--config", "--log-driver", "--log-opt"];

/** Makes the tree; only the command that `args` names is loaded, or all when it names none. */
export async function createProgram(io: Io, args: readonly string[]): Promise<Command> {
  const { name, description, host, commands } = programOf(io);
  const program = new Command(name)
    .description(description)
    .option("-H, --host <uri>", `${host}, unix:///path`)
    .option("--config <file>", "accepted for compatibility")
    .option("-D, --debug", "show the stack of an error")
    .option("--log-driver <driver>", "accepted for compatibility")
    .option("--log-opt <option>", "accepted for compatibility");
  const wanted = commands.find(({ name }) => name === commandName(args));
  for (const entry of wanted === undefined ? commands : [wanted]) {
    try {
      await entry.register(program, io);
    } catch (error) {
      // In an overview, a command that is not installed is left out.
      if (wanted !== undefined || !(error instanceof UsageError)) throw error;
    }
  }
  return finish(program, io);
}

/** Every command that does something, by its path (`bpf ct list`). */
export async function commandPaths(io: Io): Promise<readonly string[]> {
  const below = (command: Command, path: string): string[] =>
    command.commands.flatMap((child) => {
      const name = `${path} ${child.name()}`.trim();
      return child.commands.length === 0 ? [name] : below(child, name);
    });
  return below(await createProgram(io, []), "");
}

interface Program {
  readonly name: string;
  readonly description: string;
  /** Help of --host. */
  readonly host: string;
  readonly commands: readonly Entry[];
}

/** Which program this is: the launcher says so in CILIUM_PROGRAM. */
function programOf({ env }: Io): Program {
  if (env.CILIUM_PROGRAM === "cilium-health") {
    const description = "Which nodes and health endpoints answer";
    const host = "health socket (default: CILIUM_HEALTH_SOCK, or health.sock beside the agent's)";
    return { name: "cilium-health", description, host, commands: healthRegistry };
  }
  const description = "eBPF networking, security and observability: commands of the agent on this node";
  const host = "agent's socket (default: CILIUM_SOCK, or /var/run/cilium/cilium.sock)";
  return { name: env.CILIUM_PROGRAM === "cilium-dbg" ? "cilium-dbg" : "cilium", description, host, commands: registry };
}

/**
 * Errors are thrown, not printed, in the whole tree; subcommands of commands included. What commander writes as an
 * error is then only the help of a group without a subcommand: no error for Cilium's commands, which print it.
 */
function finish(command: Command, io: Io): Command {
  command.exitOverride().showSuggestionAfterError(true);
  command.configureOutput({ writeOut: io.stdout, writeErr: io.stdout, outputError: () => undefined });
  for (const child of command.commands) finish(child, io);
  return command;
}

/** Runs the command line; gives the exit code: 0 done, 1 failed or wrong usage (as of Cilium's commands). */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const program = await createProgram(io, args);
    await program.parseAsync(fromGoFlags(program, args), { from: "user" });
    return 0;
  } catch (error) {
    return report(error, args, io);
  }
}

function report(thrown: unknown, args: readonly string[], io: Io): number {
  if (thrown instanceof ExitError) return thrown.exitCode;
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0 || thrown.code === "commander.help") return 0;
    const text = thrown.message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
    io.stderr(`Error: ${neutraliseLine(text)}\n`);
    return 1;
  }
  io.stderr(`Error: ${neutraliseLine(errorChain(thrown))}\n`);
  if (args.includes("-D") || args.includes("--debug")) io.stderr(stackOf(toError(thrown)));
  return 1;
}

/** Without the message, which may hold lines of others. */
function stackOf({ stack = "" }: Error): string {
  return `${neutralise(stack.replace(/^.*?(?=^ {4}at )/ms, ""))}\n`;
}

/** The first word that is no option of the program. */
function commandName(args: readonly string[]): string | undefined {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (!arg.startsWith("-")) return arg;
    if (valueOptions.includes(arg)) i++;
  }
  return undefined;
}
