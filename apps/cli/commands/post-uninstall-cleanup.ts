// SPDX-License-Identifier: Apache-2.0
// post-uninstall-cleanup: takes what the agent set up off the machine, and tells what went and what is left.
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { CiliumError } from "../../../src/core/index.ts";
import {
  type CleanupItem,
  type CleanupOptions,
  type CleanupReport,
  findDatapath,
  isDatapathKept,
  MachineRecord,
  removeDatapath,
} from "../../../src/datapath/index.ts";
import { createStateLock } from "../../../src/kernel/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, flag, textOption } from "../define.ts";
import { ExitError } from "../errors.ts";
import { machineRecordPath, podDevices, podSlaves, removeState, stateFiles } from "./post-uninstall-state.ts";

const what = "clean up";

export const postUninstallCleanup: CommandSpec = {
  usage: "post-uninstall-cleanup",
  summary: "Remove what the agent set up on this machine: links, programs, maps, devices, routes, sysctls, state",
  options: [
    ["--all-state", "remove everything (default)"],
    ["--bpf-state", "remove links, programs and maps only"],
    ["-f, --force", "do not ask"],
    ["--bpf-root <dir>", "bpffs of the node (default: what the agent used, CILIUM_BPF_ROOT, or /sys/fs/bpf)"],
    ["--state-dir <dir>", "the agent's state folder (default: the folder of its socket)"],
  ],
  run: cleanUp,
};

async function cleanUp(context: Context, call: Call): Promise<void> {
  if (process.getuid?.() !== 0) throw new CiliumError(`Cannot ${what}: EPERM (run this command as root)`);
  const stateDir = textOption(call, "stateDir") ?? dirname(context.agentSocket);
  const there = existsSync(stateDir);
  const lock = createStateLock(stateDir, what);
  // An agent that starts meanwhile is refused, as a second one would be.
  if (there) lock.take();
  try {
    await cleanUpLocked(context, call, stateDir);
  } finally {
    lock.release();
  }
}

async function cleanUpLocked(context: Context, call: Call, stateDir: string): Promise<void> {
  const options = cleanupOptions(context, call, stateDir);
  if (await isDatapathKept(options.bpfRoot)) {
    throw new CiliumError(
      `Cannot ${what}: an agent with another state folder keeps "${options.bpfRoot}" (stop it, or set --bpf-root)`,
    );
  }
  const files = options.scope === "all" ? stateFiles(stateDir) : [];
  const found = [...findDatapath(options), ...files.map((name) => ({ kind: "file", name }))];
  if (!flag(call, "force")) await confirm(context, found);
  const report = await removeDatapath(options);
  const state = options.scope === "all" ? removeState(stateDir) : { removed: [], remaining: [] };
  const all = {
    removed: [...report.removed, ...state.removed],
    remaining: [...report.remaining, ...state.remaining],
  };
  await context.result(all, () => format(all));
  if (all.remaining.length > 0) throw new ExitError(1);
}

function cleanupOptions(context: Context, call: Call, stateDir: string): CleanupOptions {
  const machineRecord = machineRecordPath(stateDir);
  const record = MachineRecord.read(machineRecord);
  if (record !== undefined && !record.ofThisNamespace) {
    throw new CiliumError(
      `Cannot ${what}: the agent of "${stateDir}" ran in another network namespace (run this command there)`,
    );
  }
  const bpfRoot = textOption(call, "bpfRoot") ?? record?.bpfRoot ?? context.io.env.CILIUM_BPF_ROOT ?? "/sys/fs/bpf";
  // Init containers of Cilium's chart ask by their environment.
  const asked = (names: readonly string[]) => names.some((name) => context.io.env[name] === "true");
  const bpf = flag(call, "bpfState") || asked(["CILIUM_BPF_STATE", "CLEAN_CILIUM_BPF_STATE"]);
  const all = flag(call, "allState") || asked(["CILIUM_ALL_STATE", "CLEAN_CILIUM_STATE"]) || !bpf;
  return {
    bpfRoot,
    machineRecord,
    podDevices: podDevices(stateDir),
    podSlaves: podSlaves(stateDir),
    scope: all ? "all" : "bpf",
  };
}

/** Goes on only after a yes. */
async function confirm(context: Context, found: readonly { readonly kind: string; readonly name: string }[]) {
  const { ask } = context.io;
  if (ask === undefined) {
    throw new CiliumError(`Cannot ${what}: nobody to ask, standard input is no terminal (use --force)`);
  }
  const items = found.length === 0 ? ["- (nothing was found)"] : lines(found, "- ");
  context.print(["Warning: this is destructive. You are about to remove:", ...items]);
  const answer = await ask("Do you want to continue? [y/N] ");
  if (!/^y(es)?$/i.test(answer.trim())) {
    context.io.stderr("Nothing was removed.\n");
    throw new ExitError(1);
  }
}

interface Item extends Omit<CleanupItem, "kind"> {
  readonly kind: string;
}

interface Report {
  readonly removed: readonly Item[];
  readonly remaining: readonly (Item & Pick<CleanupReport["remaining"][number], "why">)[];
}

function format({ removed, remaining }: Report): string[] {
  return [
    ...(removed.length === 0 ? ["Removed: nothing was there"] : ["Removed:", ...lines(removed, "  ")]),
    ...(remaining.length === 0
      ? ["Remains: nothing (looked again)"]
      : ["Remains:", ...remaining.map(({ kind, name, why }) => `  ${kind} ${name}: ${why}`)]),
  ];
}

function lines(items: readonly Item[], indent: string): string[] {
  return items.map(({ kind, name }) => `${indent}${kind} ${name}`);
}
