// SPDX-License-Identifier: Apache-2.0
// Opening the maps of the node that the command is about.
import { CiliumError } from "../../../../src/core/index.ts";
import { type OpenedMaps, openPinnedMaps } from "../../../../src/datapath/index.ts";
import type { Context } from "../../context.ts";
import { type Call, textOption } from "../../define.ts";
import { alignTable, type Line } from "../../output/table.ts";

const defaultRoot = "/sys/fs/bpf";

/** The option that all of these commands have. */
export const bpfRootOption = [
  "--bpf-root <dir>",
  "bpffs of the node (default: CILIUM_BPF_ROOT, or the agent's)",
] as const;

/**
 * Opens the pinned maps below `--bpf-root`, CILIUM_BPF_ROOT, what the agent says, or /sys/fs/bpf. The caller disposes
 * of them. Throws CiliumError when not root.
 */
export async function openMaps(context: Context, call: Call): Promise<OpenedMaps> {
  requireRoot();
  return openPinnedMaps(await bpfRoot(context, call));
}

/** Throws CiliumError unless root. */
export function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new CiliumError("Cannot read BPF maps: EPERM (run this command as root)");
}

/** The root that openMaps() uses. */
export async function bpfRoot(context: Context, call: Call): Promise<string> {
  const given = textOption(call, "bpfRoot") ?? context.io.env.CILIUM_BPF_ROOT;
  if (given !== undefined && given !== "") return given;
  try {
    const { status } = await context.client(2000).getConfig();
    const root = status.daemonConfigurationMap["bpf-root"];
    return typeof root === "string" && root !== "" ? root : defaultRoot;
  } catch {
    // These commands have to work without the agent.
    return defaultRoot;
  }
}

/** How a dump is shown. */
export interface PairsOptions {
  /** Without entries: only the titles, instead of a note on stderr. */
  readonly emptyTable?: boolean;
}

/** A dump of keys and values: two columns, or with `-o` an object of key to values. */
export async function printPairs(
  context: Context,
  titles: readonly [string, string],
  pairs: readonly (readonly [key: string, value: string])[],
  { emptyTable = false }: PairsOptions = {},
): Promise<void> {
  const groups = Map.groupBy(pairs, ([key]) => key);
  const object = Object.fromEntries(Array.from(groups, ([key, some]) => [key, some.map(([, value]) => value)]));
  if (pairs.length > 0 || emptyTable || context.structured) {
    // A key stands in front of its first value only.
    const lines = Array.from(groups, ([key, some]) => some.map(([, value], i): Line => [i === 0 ? key : "", value]));
    await context.result(object, () => alignTable([titles], lines.flat()));
  } else noEntries(context);
}

/** Says on stderr that a dump is empty. */
export function noEntries(context: Context): void {
  context.io.stderr("No entries found.\n");
}
