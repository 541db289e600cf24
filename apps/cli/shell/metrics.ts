// SPDX-License-Identifier: Apache-2.0
// metrics: the agent's metrics by name.
import { formatMetricList, matchingMetrics } from "../commands/metrics.ts";
import type { ShellCommand } from "./types.ts";

export const metricCommands: readonly ShellCommand[] = [
  {
    name: "metrics",
    usage: "metrics [REGEX]",
    summary: "List metrics",
    run: async (context, call) => {
      context.print(formatMetricList(matchingMetrics(await context.client().metrics(), call.args)));
    },
  },
];
