// SPDX-License-Identifier: Apache-2.0
// bpf ipcache: which identity an address has, and behind which node it lives.
import { formatCidr, tryParseCidr, tryParseIp } from "../../../../src/core/index.ts";
import type { IpcacheMapRow } from "../../../../src/datapath/index.ts";
import type { CommandSpec } from "../../define.ts";
import { ExitError, UsageError } from "../../errors.ts";
import { bpfRootOption, openMaps, printPairs } from "./maps.ts";

export const ipcache: CommandSpec = {
  usage: "ipcache",
  summary: "Identities of addresses",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List all prefixes",
      options: [bpfRootOption],
      run: async (context, call) => {
        using maps = await openMaps(context, call);
        const rows = maps.ipcache.list();
        const pairs = rows.map((row): [string, string] => [row.prefix, ipcacheInfo(row)]);
        pairs.sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
        await printPairs(context, ["IP PREFIX/ADDRESS", "IDENTITY"], pairs);
      },
    },
    {
      usage: "get <ip>",
      summary: "Show what the programs would find for an address",
      options: [bpfRootOption],
      run: async (context, call) => {
        const address = tryParseIp(call.args[0] ?? "");
        if (address === undefined) throw new UsageError(`Cannot look up "${call.args[0]}": not an address`);
        using maps = await openMaps(context, call);
        const row = maps.ipcache.lookup(address);
        await context.result(row ?? {}, () => [
          row === undefined
            ? `${address} does not map to any identity`
            : `${address} maps to identity ${ipcacheInfo(row)}`,
        ]);
        if (row === undefined) throw new ExitError(1);
      },
    },
    {
      usage: "match <prefix>",
      summary: "Show the entry of exactly this prefix",
      options: [bpfRootOption],
      run: async (context, call) => {
        const cidr = tryParseCidr(call.args[0] ?? "");
        if (cidr === undefined) throw new UsageError(`Cannot look up "${call.args[0]}": not a prefix`);
        const prefix = formatCidr(cidr);
        using maps = await openMaps(context, call);
        const row = maps.ipcache.get({ prefix });
        await context.result(row ?? {}, () => [
          row === undefined
            ? `${prefix} does not match to any ipcache entry`
            : `key ${prefix} has value "${ipcacheInfo(row)}"`,
        ]);
        if (row === undefined) throw new ExitError(1);
      },
    },
  ],
};

/** `identity=2 encryptkey=0 tunnelendpoint=172.18.0.3 flags=hastunnel`. */
export function ipcacheInfo(row: IpcacheMapRow): string {
  const flags = [
    row.skipTunnel ? "skiptunnel" : "",
    row.tunnelEndpoint === undefined ? "" : "hastunnel",
    row.tunnelEndpoint?.includes(":") === true ? "ipv6tunnel" : "",
    row.remoteCluster ? "remotecluster" : "",
  ].filter((word) => word !== "");
  const tunnel = row.tunnelEndpoint ?? "0.0.0.0";
  const words = flags.length === 0 ? "<none>" : flags.join(",");
  return `identity=${row.identity} encryptkey=${row.encryptKey} tunnelendpoint=${tunnel} flags=${words}`;
}
