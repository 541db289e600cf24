// SPDX-License-Identifier: Apache-2.0
// bpf endpoint: which local endpoint an address belongs to.
import { CiliumError, tryParseIp } from "../../../../src/core/index.ts";
import { type EndpointConfigRow, endpointInfoText, type LxcRow } from "../../../../src/datapath/index.ts";
import type { CommandSpec } from "../../define.ts";
import { UsageError } from "../../errors.ts";
import { bpfRootOption, openMaps, printPairs } from "./maps.ts";

export const endpoint: CommandSpec = {
  usage: "endpoint",
  summary: "Local endpoints",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List local endpoints by address",
      options: [bpfRootOption],
      run: async (context, call) => {
        using maps = await openMaps(context, call);
        const configs = new Map(maps.endpoints.list().map((row) => [row.id, row]));
        const pairs = maps.lxc.list().map((row): [string, string] => [`${row.address}:0`, endpointInfo(row, configs)]);
        await printPairs(context, ["IP ADDRESS", "LOCAL ENDPOINT INFO"], pairs.sort());
      },
    },
    {
      usage: "delete <ip>",
      summary: "Delete the entry of an address (the agent writes it again when it looks)",
      options: [bpfRootOption],
      plain: true,
      run: async (context, call) => {
        const [text = ""] = call.args;
        const address = tryParseIp(text);
        if (address === undefined) throw new UsageError(`Cannot delete endpoint entry "${text}": not an address`);
        using maps = await openMaps(context, call);
        if (maps.lxc.deleteMany([{ address }]) > 0) return;
        throw new CiliumError(`Cannot delete endpoint entry "${address}": there is none`);
      },
    },
  ],
};

/** The right column. */
function endpointInfo(row: LxcRow, configs: ReadonlyMap<number, EndpointConfigRow>): string {
  if (row.host) return "(localhost)";
  const unknown = { identity: 0, ifindex: 0, mac: "", nodeMac: "" };
  return endpointInfoText({ ...(configs.get(row.endpointId) ?? unknown), id: row.endpointId });
}
