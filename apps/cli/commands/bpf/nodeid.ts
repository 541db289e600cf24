// SPDX-License-Identifier: Apache-2.0
// bpf nodeid: underlay addresses from which tunnel packets are taken.
import type { CommandSpec } from "../../define.ts";
import { alignTable } from "../../output/table.ts";
import { bpfRootOption, noEntries, openMaps } from "./maps.ts";

export const nodeid: CommandSpec = {
  usage: "nodeid",
  summary: "Known nodes",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List the nodes' underlay addresses",
      options: [bpfRootOption],
      run: async (context, call) => {
        using maps = await openMaps(context, call);
        const rows = maps.nodes.list().sort((a, b) => a.nodeId - b.nodeId || (a.address < b.address ? -1 : 1));
        const models = rows.map(({ nodeId, address, spi }) => ({ ID: nodeId, Address: address, SPI: spi }));
        if (rows.length === 0 && !context.structured) return noEntries(context);
        await context.result(models, () =>
          alignTable(
            [["NODE ID", "IP ADDRESSES", "SPI"]],
            rows.map(({ nodeId, address, spi }) => [`0x${nodeId.toString(16)}`, address, String(spi)]),
          ),
        );
      },
    },
  ],
};
