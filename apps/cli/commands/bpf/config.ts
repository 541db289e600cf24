// SPDX-License-Identifier: Apache-2.0
// bpf config: what agent and programs tell each other while they run.
import type { CommandSpec } from "../../define.ts";
import { alignTable } from "../../output/table.ts";
import { bpfRootOption, openMaps } from "./maps.ts";

export const config: CommandSpec = {
  usage: "config",
  summary: "Runtime configuration of the datapath",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List all entries",
      options: [bpfRootOption],
      run: async (context, call) => {
        using maps = await openMaps(context, call);
        const { agentLiveness, utimeOffset } = maps.runtimeConfig.get();
        const entries = [
          { Key: "AgentLiveness", Value: agentLiveness },
          { Key: "UTimeOffset", Value: utimeOffset },
        ];
        await context.result(entries, () =>
          alignTable(
            [["KEY", "VALUE"]],
            entries.map(({ Key, Value }) => [Key, String(Value)]),
          ),
        );
      },
    },
  ],
};
