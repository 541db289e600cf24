// SPDX-License-Identifier: Apache-2.0
// bpf nat: masqueraded flows, how hard ports were to find, and who uses them.
import { join } from "node:path";
import { CiliumError, hostPort } from "../../../../src/core/index.ts";
import {
  mapPinRoot,
  type NatRow,
  type NatStats,
  natStats,
  type OpenedMaps,
  protocolName,
} from "../../../../src/datapath/index.ts";
import { ktimeNs } from "../../../../src/kernel/index.ts";
import type { Context } from "../../context.ts";
import { type Call, type CommandSpec, textOption } from "../../define.ts";
import { UsageError } from "../../errors.ts";
import { alignTable } from "../../output/table.ts";
import { bpfRoot, bpfRootOption, noEntries, openMaps } from "./maps.ts";

const DEFAULT_TOP = 32;

interface Flushed {
  readonly map: string;
  readonly deleted: number;
}

export const nat: CommandSpec = {
  usage: "nat",
  summary: "Masqueraded flows",
  commands: [
    {
      usage: "list [scope] [id]",
      aliases: ["ls"],
      summary: "List translations, one for each direction of a flow (or of cluster ID)",
      options: [bpfRootOption],
      run: listTranslations,
    },
    flush("Forget all translations; flows that go on get new ones", (maps) => maps.nat.flush()),
    {
      usage: "retries",
      summary: "How many ports were tried",
      commands: [
        {
          usage: "list",
          aliases: ["ls"],
          summary: "Flows by how many ports were taken before they found one; the last line: that found none",
          options: [bpfRootOption],
          run: async (context, call) => {
            using maps = await openMaps(context, call);
            const counts = ([4, 6] as const).map((family) => maps.natRetries.list(family));
            const rows = counts.flatMap((family) => family.map((count, tries) => ({ tries, count })));
            const models = rows.map(({ tries, count }) => ({ Key: { Key: tries }, Value: { Value: count } }));
            await context.result(models, () => rows.map(({ tries, count }) => `${tries}:\t${count}`));
          },
        },
        flush("Begin counting anew", (maps) => maps.natRetries.flush()),
      ],
    },
    {
      usage: "stats",
      summary: "Destinations and senders with most flows",
      options: [["-n, --top <count>", `how many of each; default ${DEFAULT_TOP}`], bpfRootOption],
      run: async (context, call) => {
        using maps = await openMaps(context, call);
        const stats = natStats(maps.nat.list(), seconds(), topOf(call));
        if (stats.sources.length === 0 && !context.structured) return noEntries(context);
        await context.result(stats, () => statsText(stats));
      },
    },
  ],
};

async function listTranslations(context: Context, call: Call): Promise<void> {
  const [scope, id = ""] = call.args;
  if (scope !== undefined) {
    if (scope !== "cluster" || !/^\d+$/.test(id)) {
      throw new UsageError(`Cannot list translations of "${call.args.join(" ")}": expected nothing, or cluster ID`);
    }
    // Addresses of clusters do not overlap here, so none has maps of its own.
    const path = join(mapPinRoot(await bpfRoot(context, call)), `cilium_per_cluster_snat_v4_${id}`);
    context.io.stderr(`Unable to open ${path}: no such file or directory. Skipping.\n`);
    await context.result([], () => []);
    return;
  }
  using maps = await openMaps(context, call);
  const now = seconds();
  const rows = maps.nat.list();
  await context.result(rows.map(modelOf), () => rows.map((row) => `${keyText(row)} ${valueText(row, now)}`));
}

const TUPLE_IN = 1;

/** As `-o` gives it: field names of Cilium's map types. */
function modelOf(row: NatRow) {
  return {
    Key: {
      SourceAddr: row.source,
      DestAddr: row.destination,
      SourcePort: row.sourcePort,
      DestPort: row.destinationPort,
      NextHeader: row.protocol,
      Flags: row.direction === "in" ? TUPLE_IN : 0,
    },
    Value: { Created: row.created, NeedsCT: 0, Addr: row.address, Port: row.port },
  };
}

function seconds(): number {
  return Number(ktimeNs() / 1_000_000_000n);
}

function topOf(call: Call): number {
  const text = textOption(call, "top") ?? String(DEFAULT_TOP);
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new CiliumError(`Cannot list the top "${text}": expected a number from 1 on`);
  return Number(text);
}

/** `flush`, which says what went from which map. */
function flush(summary: string, empty: (maps: OpenedMaps) => readonly Flushed[]): CommandSpec {
  return {
    usage: "flush",
    summary,
    options: [bpfRootOption],
    plain: true,
    run: async (context, call) => {
      using maps = await openMaps(context, call);
      const flushed = empty(maps);
      const root = mapPinRoot(await bpfRoot(context, call));
      context.print(flushed.map(({ map, deleted }) => `Flushed ${deleted} entries from ${join(root, map)}`));
    },
  };
}

/** `TCP OUT 10.0.0.1:1234 -> 1.1.1.1:443`: packets as they come to the translation. */
export function keyText(row: NatRow): string {
  const source = hostPort(row.source, row.sourcePort);
  const destination = hostPort(row.destination, row.destinationPort);
  return `${protocolName(row.protocol)} ${row.direction.toUpperCase()} ${source} -> ${destination}`;
}

/** What becomes of them. `now`: seconds of CLOCK_MONOTONIC. */
export function valueText(row: NatRow, now: number): string {
  const verb = row.direction === "out" ? "XLATE_SRC" : "XLATE_DST";
  return `${verb} ${hostPort(row.address, row.port)} Created=${now - row.created}sec ago NeedsCT=0`;
}

function statsText({ destinations, sources }: NatStats): string[] {
  const byDestination = destinations.map(({ protocol, egress, destination, port, flows, share }) => [
    String(flows),
    `${(share * 100).toFixed(1)}%`,
    protocolName(protocol),
    egress,
    hostPort(destination, port),
  ]);
  const bySource = sources.map(({ address, host, flows }) => [String(flows), host ? `${address} (host)` : address]);
  return [
    ...alignTable([["FLOWS", "PORTS", "PROTO", "EGRESS IP", "DESTINATION"]], byDestination),
    "",
    ...alignTable([["FLOWS", "SOURCE"]], bySource),
  ];
}
