// SPDX-License-Identifier: Apache-2.0
// cilium-health status: which nodes answer.

import { type CommandSpec, flag } from "../../define.ts";
import { formatClusterHealth } from "../../health/format.ts";
import { healthClient } from "./client.ts";

export const healthStatus: CommandSpec = {
  usage: "status",
  summary: "Show which nodes and health endpoints answer",
  options: [
    ["--probe", "probe all nodes now, and wait for the answers"],
    ["--succinct", "only how many nodes are reachable"],
    ["--verbose", "every node, with each path"],
  ],
  run: async (context, call) => {
    const client = healthClient(context);
    const answer = flag(call, "probe") ? await client.probe() : await client.status();
    const verbose = flag(call, "verbose");
    const options = { allNodes: verbose, succinct: flag(call, "succinct"), verbose };
    await context.result(answer, () => formatClusterHealth(answer, options));
  },
};
