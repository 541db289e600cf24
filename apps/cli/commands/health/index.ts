// SPDX-License-Identifier: Apache-2.0
// The commands of cilium-health.
import type { CommandSpec } from "../../define.ts";
import { healthClient } from "./client.ts";
import { healthGet } from "./get.ts";
import { healthStatus } from "./status.ts";

export const healthCommands: readonly CommandSpec[] = [
  healthStatus,
  {
    usage: "ping",
    summary: "Check whether the health daemon answers",
    plain: true,
    run: async (context) => {
      await healthClient(context).healthz();
      context.print(["OK"]);
    },
  },
  healthGet,
];
