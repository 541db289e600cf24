// SPDX-License-Identifier: Apache-2.0
// bpf ipcache: which identity an address has, and behind which node it lives.
import { CiliumError, formatCidr, hostCidr, tryParseCidr, tryParseIp } from "../../../../src/core/index.ts";
import { type IpcacheMapRow, ipcacheInfoText } from "../../../../src/datapath/index.ts";
import type { Context } from "../../context.ts";
import { type Call, type CommandSpec, flag, textOption } from "../../define.ts";
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
        const pairs = rows.map((row): [string, string] => [row.prefix, ipcacheInfoText(row)]);
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
            : `${address} maps to identity ${ipcacheInfoText(row)}`,
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
            : `key ${prefix} has value "${ipcacheInfoText(row)}"`,
        ]);
        if (row === undefined) throw new ExitError(1);
      },
    },
    {
      usage: "update [prefix]",
      summary: "Write the entry of a prefix (the agent undoes it when it looks)",
      options: [
        ["--ip <prefix>", "the prefix, also as argument"],
        ["--tunnelendpoint <ip>", "underlay address of the node behind which it lives"],
        ["--identity <number>", "its identity", "0"],
        ["--encryptkey <number>", "index of the encryption key", "0"],
        ["--skiptunnel", "do not encapsulate"],
        ["--clusterid <number>", "cluster of the prefix", "0"],
        bpfRootOption,
      ],
      plain: true,
      run: updateEntry,
    },
    {
      usage: "delete <prefix>",
      summary: "Delete the entry of an address or prefix (the agent writes it again when it looks)",
      options: [["--clusterid <number>", "cluster of the prefix", "0"], bpfRootOption],
      plain: true,
      run: async (context, call) => {
        const key = { prefix: prefixOf(call.args[0], "delete"), ...clusterOf(call, "delete") };
        using maps = await openMaps(context, call);
        if (maps.ipcache.deleteMany([key]) === 0) {
          throw new CiliumError(`Cannot delete ipcache entry "${key.prefix}": there is none`);
        }
        maps.runtimeConfig.bumpIpcacheRevision();
        context.print([`Deleted entry ${key.prefix}`]);
      },
    },
  ],
};

async function updateEntry(context: Context, call: Call): Promise<void> {
  const prefix = prefixOf(call.args[0] ?? textOption(call, "ip"), "update");
  const tunnel = textOption(call, "tunnelendpoint");
  const tunnelEndpoint = tunnel === undefined ? undefined : tryParseIp(tunnel);
  if (tunnel !== undefined && tunnelEndpoint === undefined) {
    throw new UsageError(`Cannot update ipcache entry "${prefix}": tunnel endpoint "${tunnel}" is not an address`);
  }
  const row: IpcacheMapRow = {
    prefix,
    ...clusterOf(call, "update"),
    identity: numberOf(call, "identity", 0xffffffff, "update") ?? 0,
    encryptKey: numberOf(call, "encryptkey", 255, "update") ?? 0,
    skipTunnel: flag(call, "skiptunnel"),
    remoteCluster: false,
    ...(tunnelEndpoint !== undefined && !/^(0\.0\.0\.0|::)$/.test(tunnelEndpoint) && { tunnelEndpoint }),
  };
  using maps = await openMaps(context, call);
  maps.ipcache.upsertMany([row]);
  // Known flows look again.
  maps.runtimeConfig.bumpIpcacheRevision();
  context.print([`Updated entry ${prefix} => ${ipcacheInfoText(row)}`]);
}

/** A prefix as the maps have it; a bare address is a whole one. */
function prefixOf(text: string | undefined, verb: string): string {
  const address = tryParseIp(text ?? "");
  if (address !== undefined) return hostCidr(address);
  const cidr = tryParseCidr(text ?? "");
  if (cidr !== undefined) return formatCidr(cidr);
  throw new UsageError(`Cannot ${verb} ipcache entry "${text ?? ""}": neither an address nor a prefix`);
}

function clusterOf(call: Call, verb: string): { clusterId?: number } {
  const clusterId = numberOf(call, "clusterid", 0xffff, verb) ?? 0;
  return clusterId === 0 ? {} : { clusterId };
}

function numberOf(call: Call, name: string, most: number, verb: string): number | undefined {
  const text = textOption(call, name);
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text) && Number(text) <= most) return Number(text);
  throw new UsageError(`Cannot ${verb} ipcache entry: ${name} "${text}" is not a number from 0 to ${most}`);
}
