// SPDX-License-Identifier: Apache-2.0
// ip: which identity an address has.
import type { IPListEntry } from "../../../src/api/index.ts";
import { compareCidr, parseCidr } from "../../../src/core/index.ts";
import { reservedNames } from "../../../src/identity/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, flag, listOption } from "../define.ts";
import { UsageError } from "../errors.ts";
import { alignTable, type Line } from "../output/table.ts";

export const ip: CommandSpec = {
  usage: "ip",
  summary: "Addresses and their identities",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List what is known of addresses",
      options: [
        ["-n, --numeric", "identities as numbers"],
        ["-v, --verbose", "nodes and encryption keys too"],
      ],
      run: listIps,
    },
    {
      usage: "get [cidr]",
      summary: "Show what is known of an address or prefix, or of the addresses with labels",
      options: [["-v, --verbose", "sources and encryption keys too"]],
      repeated: [["-l, --labels <labels>", "addresses whose identity has all of these labels"]],
      run: getIps,
    },
  ],
};

async function listIps(context: Context, call: Call): Promise<void> {
  const entries = sorted(await context.client().listIps());
  const names = flag(call, "numeric") || context.structured ? new Map() : await labelsById(context);
  await context.result(entries, () => formatIps(entries, names, flag(call, "verbose")));
}

async function getIps(context: Context, call: Call): Promise<void> {
  const labels = listOption(call, "labels");
  const [cidr] = call.args;
  if ((cidr === undefined) === (labels.length === 0)) {
    throw new UsageError("Cannot get address: give either an address or --labels");
  }
  const entries = sorted(await context.client().listIps(cidr === undefined ? { labels } : { cidr }));
  const verbose = flag(call, "verbose");
  const brief = cidr === undefined && !verbose;
  const names = brief || context.structured ? new Map() : await labelsById(context);
  const table = () => (brief ? formatPods(entries) : formatIps(entries, names, verbose));
  await context.result(entries, () => [...labelBox(labels), ...table()]);
}

function formatPods(entries: readonly IPListEntry[]): string[] {
  return alignTable(
    [["IP", "HOST", "IDENTITY", "POD", "NAMESPACE"]],
    entries.map(({ cidr, hostIP, identity, metadata }) => {
      return [cidr, hostIP ?? "", String(identity), metadata?.name ?? "", metadata?.namespace ?? ""];
    }),
  );
}

const BOX_LINE = "=".repeat(27);

/** The labels that were asked for. */
function labelBox(labels: readonly string[]): string[] {
  return labels.length === 0 ? [] : [BOX_LINE, "Labels:", ...labels.map((label) => `    ${label}`), BOX_LINE];
}

/** Short prefixes first, those of one length by address. */
function sorted(entries: readonly IPListEntry[]): IPListEntry[] {
  return entries
    .map((entry) => ({ entry, cidr: parseCidr(entry.cidr) }))
    .sort((a, b) => a.cidr.bits - b.cidr.bits || compareCidr(a.cidr, b.cidr))
    .map(({ entry }) => entry);
}

async function labelsById(context: Context): Promise<Map<number, readonly string[]>> {
  const identities = await context.client().listIdentities();
  const names = new Map(identities.map(({ id, labels }) => [id, labels.toSorted()]));
  for (const [id, name] of reservedNames) names.set(id, [name]);
  return names;
}

/** The table of `ip list`: reserved identities by name, others by their labels, or as numbers where none are known. */
function formatIps(
  entries: readonly IPListEntry[],
  labels: ReadonlyMap<number, readonly string[]>,
  verbose: boolean,
): string[] {
  const rows = entries.flatMap((entry): Line[] => {
    const [first = String(entry.identity), ...others] = labels.get(entry.identity) ?? [];
    const more = verbose ? [entry.hostIP ?? "", String(entry.encryptKey ?? 0)] : [];
    return [[entry.cidr, first, entry.metadata?.source ?? "", ...more], ...others.map((label): Line => ["", label])];
  });
  return alignTable([["IP", "IDENTITY", "SOURCE", ...(verbose ? ["HOST", "ENCRYPT_KEY"] : [])]], rows);
}
