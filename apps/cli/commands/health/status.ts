// SPDX-License-Identifier: Apache-2.0
// cilium-health status: which nodes answer.
import { type CommandSpec, flag } from "../../define.ts";
import { formatClusterHealth } from "../../health/format.ts";
import { healthClient } from "./client.ts";

export const healthStatus: CommandSpec = {
  usage: "status",
  aliases: ["connectivity"],
  summary: "Show which nodes and health endpoints answer",
  options: [
    ["--probe", "probe all nodes now, and wait for the answers"],
    ["--succinct", "a line for each node, as without --verbose"],
    ["--verbose", "each path of each node"],
  ],
  run: async (context, call) => {
    const client = healthClient(context);
    const answer = flag(call, "probe") ? await client.probe() : await client.status();
    const options = { allNodes: true, verbose: flag(call, "verbose"), atMost: Number.POSITIVE_INFINITY };
    await context.result(answer, () => formatClusterHealth(answer, options));
  },
};
