// SPDX-License-Identifier: Apache-2.0
// bpf tunnel: which prefixes lie behind which other node.
import type { CommandSpec } from "../../define.ts";
import { bpfRootOption, openMaps, printPairs } from "./maps.ts";

export const tunnel: CommandSpec = {
  usage: "tunnel",
  summary: "Prefixes behind other nodes",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List prefixes that are reached through the tunnel",
      options: [bpfRootOption],
      run: async (context, call) => {
        using maps = await openMaps(context, call);
        const pairs = maps.ipcache.list().flatMap((row): [string, string][] => {
          return row.tunnelEndpoint === undefined || row.skipTunnel ? [] : [[row.prefix, row.tunnelEndpoint]];
        });
        pairs.sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
        await printPairs(context, ["TUNNEL", "VALUE"], pairs);
      },
    },
  ],
};
