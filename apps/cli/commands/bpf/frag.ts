// SPDX-License-Identifier: Apache-2.0
// bpf frag: datagrams of which the first fragment was seen.
import { type FragmentRow, protocolName } from "../../../../src/datapath/index.ts";
import type { CommandSpec } from "../../define.ts";
import { alignTable } from "../../output/table.ts";
import { bpfRootOption, noEntries, openMaps } from "./maps.ts";

export const frag: CommandSpec = {
  usage: "frag",
  summary: "Fragmented datagrams",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List datagrams whose later fragments are expected",
      options: [bpfRootOption],
      run: async (context, call) => {
        using maps = await openMaps(context, call);
        const entries = maps.fragments.list().map(entryOf);
        if (entries.length === 0 && !context.structured) return noEntries(context);
        await context.result(entries, () =>
          alignTable(
            [["ID", "PROTO", "SOURCE ADDRESS:PORT", "DEST ADDRESS:PORT"]],
            entries.map(({ ID, Proto, SourceAddress, DestAddress }) => [
              String(ID),
              protocolName(Proto),
              SourceAddress,
              DestAddress,
            ]),
          ),
        );
      },
    },
  ],
};

function entryOf({ family, id, protocol, source, sourcePort, destination, destinationPort }: FragmentRow) {
  const at = (address: string, port: number) => (family === 6 ? `[${address}]:${port}` : `${address}:${port}`);
  return {
    ID: id,
    Proto: protocol,
    SourceAddress: at(source, sourcePort),
    DestAddress: at(destination, destinationPort),
  };
}
