// SPDX-License-Identifier: Apache-2.0
// bpf ct: known flows.

import { join } from "node:path";
import { hostPort } from "../../../../src/core/index.ts";
import { type ConntrackRow, mapPinRoot, protocolName } from "../../../../src/datapath/index.ts";
import { ktimeNs } from "../../../../src/kernel/index.ts";
import type { Context } from "../../context.ts";
import { type Call, type CommandSpec, flag, textOption } from "../../define.ts";
import { UsageError } from "../../errors.ts";
import { bpfRoot, bpfRootOption, openMaps } from "./maps.ts";

export const ct: CommandSpec = {
  usage: "ct",
  summary: "Connection tracking",
  commands: [
    {
      usage: "list [scope] [id]",
      aliases: ["ls"],
      summary: "List flows: global (default), endpoint ID, or cluster ID",
      options: [
        ["-d, --time-diff", "show how long entries will stay"],
        ["--time-diff-clocksource-mode <mode>", "clock of the entries: ktime, which they always have"],
        ["--time-diff-clocksource-hz <hz>", "accepted for compatibility"],
        bpfRootOption,
      ],
      run: listFlows,
    },
    {
      usage: "flush [scope]",
      summary: "Forget flows: global (default), or an endpoint's; their next packets decide again",
      options: [bpfRootOption],
      plain: true,
      run: flushFlows,
    },
  ],
};

async function listFlows(context: Context, call: Call): Promise<void> {
  const scope = scopeOf(call.args, "list");
  const clock = textOption(call, "timeDiffClocksourceMode") ?? "ktime";
  if (clock !== "ktime") throw new UsageError(`Cannot use clock "${clock}": entries are in seconds of ktime`);
  using maps = await openMaps(context, call);
  if (scope.kind === "cluster") {
    // Addresses of clusters do not overlap here, so none has maps of its own.
    const path = join(mapPinRoot(await bpfRoot(context, call)), `cilium_per_cluster_ct_tcp4_${scope.id}`);
    const advice = 'please try using "cilium bpf ct list global"';
    context.io.stderr(`Unable to open ${path}: no such file or directory: ${advice}. Skipping.\n`);
    await context.result([], () => []);
    return;
  }
  const ids = new Map(maps.lxc.list().map(({ address, endpointId }) => [address, endpointId]));
  // Flows may outlive their endpoint.
  const identityOf = (address: string): number => {
    const id = ids.get(address) ?? 0;
    return id === 0 ? 0 : (maps.endpoints.get(id)?.identity ?? 0);
  };
  const all = maps.conntrack.list();
  const rows = scope.kind === "global" ? all : all.filter(({ local }) => ids.get(local) === scope.id);
  const now = flag(call, "timeDiff") ? Number(ktimeNs() / 1_000_000_000n) : undefined;
  const models = context.structured ? rows.map((row) => modelOf(row, identityOf)) : [];
  await context.result(models, () => rows.map((row) => `${keyText(row)} ${valueText(row, identityOf, now)}`));
}

async function flushFlows(context: Context, call: Call): Promise<void> {
  const scope = scopeOf(call.args, "flush");
  using maps = await openMaps(context, call);
  if (scope.kind === "global") {
    const root = mapPinRoot(await bpfRoot(context, call));
    const flushed = maps.conntrack.flush();
    context.print(flushed.map(({ map, deleted }) => `Flushed ${deleted} entries from ${join(root, map)}`));
    return;
  }
  const ids = new Map(maps.lxc.list().map(({ address, endpointId }) => [address, endpointId]));
  const deleted = maps.conntrack.deleteWhere(({ local }) => ids.get(local) === scope.id);
  context.print([`Flushed ${deleted} entries of endpoint ${scope.id}`]);
}

type Scope = { readonly kind: "global" } | { readonly kind: "endpoint" | "cluster"; readonly id: number };

/** `global`, `endpoint ID`, `ID` (an endpoint's) or `cluster ID`. */
function scopeOf(args: readonly string[], verb: "list" | "flush"): Scope {
  const [first = "global", second] = args;
  const text = args.join(" ");
  const usage = (reason: string) => new UsageError(`Cannot ${verb} flows of "${text}": ${reason}`);
  if (first === "global") return { kind: "global" };
  if (/^\d+$/.test(first)) return { kind: "endpoint", id: Number(first) };
  if (verb === "list" && (first === "endpoint" || first === "cluster")) {
    if (second === undefined || !/^\d+$/.test(second)) throw usage(`${first} needs a number`);
    return { kind: first, id: Number(second) };
  }
  throw usage(verb === "list" ? "expected global, endpoint ID or cluster ID" : "expected global or an endpoint number");
}

const TUPLE_IN = 1;

/** As `-o` gives it: field names of Cilium's map types. */
function modelOf(row: ConntrackRow, identityOf: (address: string) => number): Record<string, unknown> {
  const [source, destination] = endsOf(row);
  return {
    Key: {
      SourceAddr: source.address,
      DestAddr: destination.address,
      SourcePort: source.port,
      DestPort: destination.port,
      NextHeader: row.protocol,
      Flags: row.direction === "ingress" ? TUPLE_IN : 0,
    },
    Value: {
      Packets: row.txPackets + row.rxPackets,
      Bytes: row.txBytes + row.rxBytes,
      Lifetime: row.expires,
      Flags: shownFlags(row),
      RevNAT: row.revNatIndex,
      TxFlagsSeen: row.txFlagsSeen,
      RxFlagsSeen: row.rxFlagsSeen,
      SourceSecurityID: sourceIdentity(row, identityOf),
      LastTxReport: row.lastTxReport,
      LastRxReport: row.lastRxReport,
      BackendID: row.backendId,
    },
  };
}

interface End {
  readonly address: string;
  readonly port: number;
}

/** Who opened the flow, and to whom. */
function endsOf(row: ConntrackRow): readonly [source: End, destination: End] {
  const local = { address: row.local, port: row.localPort };
  const remote = { address: row.remote, port: row.remotePort };
  return row.direction === "ingress" ? [remote, local] : [local, remote];
}

function sourceIdentity(row: ConntrackRow, identityOf: (address: string) => number): number {
  return row.direction === "ingress" ? row.peerIdentity : identityOf(row.local);
}

/** `TCP OUT 10.0.0.1:1234 -> 10.0.0.2:80`: from who opened the flow. */
export function keyText(row: ConntrackRow): string {
  const [source, destination] = endsOf(row).map(({ address, port }) => hostPort(address, port));
  return `${protocolName(row.protocol)} ${row.direction === "ingress" ? "IN" : "OUT"} ${source} -> ${destination}`;
}

/** What stands behind the key. `now`, in seconds of CLOCK_MONOTONIC, adds the remaining time. */
export function valueText(row: ConntrackRow, identityOf: (address: string) => number, now?: number): string {
  const remaining = now === undefined ? "" : ` (remaining: ${row.expires - now} sec(s))`;
  return [
    `expires=${row.expires}${remaining}`,
    `Packets=${row.txPackets + row.rxPackets}`,
    `Bytes=${row.txBytes + row.rxBytes}`,
    `RxFlagsSeen=${hex(row.rxFlagsSeen, 2)}`,
    `LastRxReport=${row.lastRxReport}`,
    `TxFlagsSeen=${hex(row.txFlagsSeen, 2)}`,
    `LastTxReport=${row.lastTxReport}`,
    `Flags=${hex(shownFlags(row), 4)} [ ${row.flagNames.map((name) => `${name} `).join("")}]`,
    `RevNAT=${row.revNatIndex}`,
    `SourceSecurityID=${sourceIdentity(row, identityOf)}`,
    `BackendID=${row.backendId}`,
    `NatPort=${row.natPort}`,
  ].join(" ");
}

/** Bits of Cilium's entries by the word; flags that only ours have are words without a bit. */
const flagBits: Readonly<Record<string, number>> = { RxClosing: 1, TxClosing: 2, SeenNonSyn: 16 };

function shownFlags({ flagNames }: ConntrackRow): number {
  return flagNames.reduce((flags, name) => flags | (flagBits[name] ?? 0), 0);
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}
