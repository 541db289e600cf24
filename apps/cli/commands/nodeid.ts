// SPDX-License-Identifier: Apache-2.0
// nodeid: the numbers by which maps name nodes.
import type { NodeID } from "../../../src/api/index.ts";
import type { CommandSpec } from "../define.ts";
import { alignTable } from "../output/table.ts";

export const nodeid: CommandSpec = {
  usage: "nodeid",
  summary: "Numbers of the nodes in maps",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List node numbers and the addresses they stand for",
      run: async (context) => {
        const found = await context.client().nodeIds();
        await context.result(found, () => formatNodeIds(found));
      },
    },
  ],
};

function formatNodeIds(nodes: readonly NodeID[]): string[] {
  const rows = nodes.toSorted((a, b) => a.id - b.id).map(({ id, ips }) => [`0x${id.toString(16)}`, ips.join(", ")]);
  return alignTable([["NODE ID", "IP ADDRESSES"]], rows);
}
