// SPDX-License-Identifier: Apache-2.0
// bpf ct: known flows.
import { type ConntrackRow, protocolName } from "../../../../src/datapath/index.ts";
import { ktimeNs } from "../../../../src/kernel/index.ts";
import { type CommandSpec, flag } from "../../define.ts";
import { UsageError } from "../../errors.ts";
import { duration } from "../../time.ts";
import { bpfRootOption, openMaps } from "./maps.ts";

export const ct: CommandSpec = {
  usage: "ct",
  summary: "Connection tracking",
  commands: [
    {
      usage: "list [scope]",
      aliases: ["ls"],
      summary: "List flows",
      options: [["-d, --time-diff", "show how long entries will stay"], bpfRootOption],
      run: async (context, call) => {
        const scope = call.args[0] ?? "global";
        if (scope !== "global") throw new UsageError(`Cannot list flows of "${scope}": expected global`);
        using maps = await openMaps(context, call);
        const ids = new Map(maps.lxc.list().map(({ address, endpointId }) => [address, endpointId]));
        // Flows may outlive their endpoint.
        const identityOf = (address: string): number => {
          const id = ids.get(address) ?? 0;
          return id === 0 ? 0 : (maps.endpoints.get(id)?.identity ?? 0);
        };
        const rows = maps.conntrack.list();
        const now = flag(call, "timeDiff") ? Number(ktimeNs() / 1_000_000_000n) : undefined;
        const models = rows.map((row) => ({ Key: keyText(row), Value: valueText(row, identityOf, now) }));
        await context.result(models, () => models.map(({ Key, Value }) => `${Key} ${Value}`));
      },
    },
    {
      usage: "flush [scope]",
      summary: "Forget all flows; their next packets decide again",
      options: [bpfRootOption],
      plain: true,
      run: async (context, call) => {
        using maps = await openMaps(context, call);
        context.print([`Flushed ${maps.conntrack.flush()} entries`]);
      },
    },
  ],
};

/** `TCP OUT 10.0.0.1:1234 -> 10.0.0.2:80`: from who opened the flow. */
export function keyText(row: ConntrackRow): string {
  const local = hostPort(row.local, row.localPort);
  const remote = hostPort(row.remote, row.remotePort);
  const [source, destination] = row.direction === "ingress" ? [remote, local] : [local, remote];
  return `${protocolName(row.protocol)} ${row.direction === "ingress" ? "IN" : "OUT"} ${source} -> ${destination}`;
}

/** What stands behind the key. `now`, in seconds of CLOCK_MONOTONIC, adds the remaining time. */
export function valueText(row: ConntrackRow, identityOf: (address: string) => number, now?: number): string {
  const remaining = now === undefined ? "" : ` (remaining: ${duration((row.expires - now) * 1000)})`;
  const source = row.direction === "ingress" ? row.peerIdentity : identityOf(row.local);
  return [
    `expires=${row.expires}${remaining}`,
    `Packets=${row.txPackets + row.rxPackets}`,
    `Bytes=${row.txBytes + row.rxBytes}`,
    `RxFlagsSeen=${hex(row.rxFlagsSeen, 2)}`,
    `LastRxReport=${row.lastRxReport}`,
    `TxFlagsSeen=${hex(row.txFlagsSeen, 2)}`,
    `LastTxReport=${row.lastTxReport}`,
    `Flags=${hex(row.flags, 4)} [ ${row.flagNames.map((name) => `${name} `).join("")}]`,
    `RevNAT=${row.revNatIndex}`,
    `SourceSecurityID=${source}`,
    `BackendID=${row.backendId}`,
    "NatPort=0",
  ].join(" ");
}

function hostPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}
