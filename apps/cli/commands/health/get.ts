// SPDX-License-Identifier: Apache-2.0
// cilium-health get: how the agent and its machine are.
import type { CommandSpec } from "../../define.ts";
import { alignLines } from "../../output/table.ts";
import { noDetails, statusLines } from "../../status/format.ts";
import { healthClient } from "./client.ts";

export const healthGet: CommandSpec = {
  usage: "get",
  aliases: ["inspect", "show"],
  summary: "Show the agent's status, and how busy its machine is",
  run: async (context) => {
    const answer = await healthClient(context).healthz();
    const { last1min, last5min, last15min } = answer["system-load"];
    await context.result(answer, () =>
      alignLines([
        ["Daemon uptime:", answer.uptime],
        ["Node load:", `${last1min} ${last5min} ${last15min}`],
        ...statusLines(answer.cilium, noDetails, context.io.now()),
      ]),
    );
  },
};
