// SPDX-License-Identifier: Apache-2.0
// bpf ipmasq: destinations that are not masqueraded.
import type { CommandSpec } from "../../define.ts";
import { alignTable } from "../../output/table.ts";
import { bpfRootOption, noEntries, openMaps } from "./maps.ts";

export const ipmasq: CommandSpec = {
  usage: "ipmasq",
  summary: "Destinations that are not masqueraded",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List the prefixes to which pods send with their own addresses",
      options: [bpfRootOption],
      run: async (context, call) => {
        using maps = await openMaps(context, call);
        const prefixes = maps.ipmasq.list();
        if (prefixes.length === 0 && !context.structured) return noEntries(context);
        await context.result(prefixes, () =>
          alignTable(
            [["IP PREFIX/ADDRESS"]],
            prefixes.map((prefix) => [prefix]),
          ),
        );
      },
    },
  ],
};
