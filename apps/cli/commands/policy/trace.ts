// SPDX-License-Identifier: Apache-2.0
// policy trace: how the verdict on one flow comes about.
import type { CommandSpec } from "../../define.ts";
import { manifestsOption } from "./scene-option.ts";

const endHelp = "[NAMESPACE/]POD, an address, an entity such as world, or an identity's number";

export const trace: CommandSpec = {
  usage: "trace",
  summary: "Show step by step which policies and rules decide on a flow",
  options: [
    ["--from <end>", `source: ${endHelp}`],
    ["--to <end>", `destination: ${endHelp}`],
    ["--dport <port>", "destination port, such as 80, 53/UDP, or 8/ICMP for a type"],
    ["--src-identity <id>", "source by its identity"],
    ["--dst-identity <id>", "destination by its identity"],
    ["--src-k8s-pod <pod>", "source as NAMESPACE:POD"],
    ["--dst-k8s-pod <pod>", "destination as NAMESPACE:POD"],
    ["--src-endpoint <id>", "source by its endpoint on this node"],
    ["--dst-endpoint <id>", "destination by its endpoint on this node"],
    ["--check", "exit with 1 when the flow is denied"],
  ],
  repeated: [
    ["-s, --src <labels>", "source by its labels"],
    ["-d, --dst <labels>", "destination by its labels"],
    manifestsOption,
  ],
  run: async (context, call) => (await import("./trace-report.ts")).runTrace(context, call),
};
