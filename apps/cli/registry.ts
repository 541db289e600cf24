// SPDX-License-Identifier: Apache-2.0
// The commands by name. A command's file is loaded only when it is asked for (or for help), so that starting is quick.
import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { Io } from "./context.ts";
import { buildCommand, type CommandSpec } from "./define.ts";
import { UsageError } from "./errors.ts";

/** One command of a program. */
export interface Entry {
  readonly name: string;
  readonly register: (program: Command, io: Io) => Promise<void>;
}

const healthNames = ["status", "ping", "get"];

function entry(name: string, load: () => Promise<CommandSpec>): Entry {
  return {
    name,
    register: async (program, io) => {
      program.addCommand(buildCommand(await load(), io));
    },
  };
}

/** One that a launcher of its own calls, left out of the help. */
function hidden(name: string, load: () => Promise<CommandSpec>): Entry {
  return {
    name,
    register: async (program, io) => {
      program.addCommand(buildCommand(await load(), io), { hidden: true });
    },
  };
}

/** The commands of cilium-health. */
export const healthRegistry: readonly Entry[] = healthNames.map((name) =>
  entry(name, async () => {
    const { healthCommands } = await import("./commands/health/index.ts");
    const spec = healthCommands.find(({ usage }) => usage === name);
    if (spec === undefined) throw new UsageError(`Cannot run "${name}": it is not part of this installation`);
    return spec;
  }),
);

/** The commands of cilium and cilium-dbg. */
export const registry: readonly Entry[] = [
  entry("status", async () => (await import("./commands/status.ts")).status),
  entry("endpoint", async () => (await import("./commands/endpoint.ts")).endpoint),
  entry("identity", async () => (await import("./commands/identity.ts")).identity),
  entry("policy", async () => (await import("./commands/policy.ts")).policy),
  entry("node", async () => (await import("./commands/node.ts")).node),
  entry("prefilter", async () => (await import("./commands/prefilter.ts")).prefilter),
  entry("ip", async () => (await import("./commands/ip.ts")).ip),
  entry("nodeid", async () => (await import("./commands/nodeid.ts")).nodeid),
  entry("map", async () => (await import("./commands/map.ts")).map),
  entry("kvstore", async () => (await import("./commands/kvstore.ts")).kvstore),
  entry("cgroups", async () => (await import("./commands/cgroups.ts")).cgroups),
  entry("encrypt", async () => (await import("./commands/encrypt.ts")).encrypt),
  entry("loadinfo", async () => (await import("./commands/loadinfo.ts")).loadinfo),
  entry("build-config", async () => (await import("./commands/build-config.ts")).buildConfig),
  entry("bpf", async () => (await import("./commands/bpf.ts")).bpf),
  entry("monitor", async () => (await import("./commands/monitor.ts")).monitor),
  entry("config", async () => (await import("./commands/config.ts")).config),
  entry("debuginfo", async () => (await import("./commands/debuginfo.ts")).debuginfo),
  entry("sysdump", async () => (await import("./commands/sysdump.ts")).sysdump),
  hidden("bugtool", async () => (await import("./commands/bugtool.ts")).bugtool),
  entry("metrics", async () => (await import("./commands/metrics.ts")).metrics),
  entry("statedb", async () => (await import("./commands/statedb.ts")).statedb),
  entry("shell", async () => (await import("./commands/shell.ts")).shell),
  entry("features", async () => (await import("./commands/features.ts")).features),
  entry("version", async () => (await import("./commands/version.ts")).version),
  entry(
    "post-uninstall-cleanup",
    async () => (await import("./commands/post-uninstall-cleanup.ts")).postUninstallCleanup,
  ),
  { name: "completion", register: registerCompletion },
  { name: "sandbox", register: registerSandboxCommand },
];

async function registerCompletion(program: Command, io: Io): Promise<void> {
  const { completion } = await import("./commands/completion.ts");
  const tree = async (words: readonly string[]): Promise<Command> => {
    const { createProgram } = await import("./program.ts");
    return createProgram(io, words);
  };
  program.addCommand(buildCommand(completion({ tree, names: registry.map(({ name }) => name) }), io));
}

/** `sandbox` is an app of its own beside this one. */
async function registerSandboxCommand(program: Command): Promise<void> {
  const door = new URL("../sandbox/command.ts", import.meta.url);
  if (!existsSync(door)) throw new UsageError('Cannot run "sandbox": it is not part of this installation');
  const module = (await import(door.href)) as { registerSandbox: (program: Command) => void | Promise<void> };
  await module.registerSandbox(program);
}
