// SPDX-License-Identifier: Apache-2.0
// node: the nodes that this one knows.
import type { NodeElement } from "../../../src/api/index.ts";
import type { CommandSpec } from "../define.ts";
import { alignTable } from "../output/table.ts";

export const node: CommandSpec = {
  usage: "node",
  summary: "Nodes of the cluster",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List nodes",
      run: async (context) => {
        const { "nodes-added": nodes } = await context.client().nodes();
        await context.result(nodes, () => formatNodes(nodes));
      },
    },
  ],
};

/** The table of `node list`. */
function formatNodes(nodes: readonly NodeElement[]): string[] {
  const rows = [...nodes]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((element) => {
      const { ipv4, ipv6 } = element["primary-address"] ?? {};
      const cells = [ipv4, ipv6].flatMap((address) => [address?.ip ?? "", address?.["alloc-range"] ?? ""]);
      return [element.name, ...cells, element.source ?? ""];
    });
  return alignTable([["Name", "IPv4 Address", "Endpoint CIDR", "IPv6 Address", "Endpoint CIDR", "Source"]], rows);
}
