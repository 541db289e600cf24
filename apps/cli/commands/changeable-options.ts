// SPDX-License-Identifier: Apache-2.0
// Options that may be changed while the agent runs, with what they do: of the agent, of one endpoint, or of both.

type Scope = "agent" | "endpoint" | "both";

const options: readonly (readonly [name: string, scope: Scope, description: string])[] = [
  ["Debug", "agent", "Log more"],
  ["Debug", "endpoint", "Log each regeneration"],
  ["DebugLB", "both", "Kept, without effect: no program chooses backends"],
  ["DebugPolicy", "both", "Log each regeneration with its policy"],
  ["DebugTagged", "agent", "Kept, without effect"],
  ["DropNotification", "both", "Report dropped packets"],
  ["MonitorAggregationLevel", "both", "How much the reports of a flow are summed up: none, low, medium, maximum"],
  ["PolicyAuditMode", "both", "Let denied packets pass, and report them as audited"],
  ["PolicyTracing", "agent", "Kept, without effect: see policy trace"],
  ["PolicyVerdictNotification", "both", "Report what policy decided about each new flow"],
  ["SourceIPVerification", "both", "Drop what a pod sends from an address that is not its own"],
  ["TraceNotification", "both", "Report packets that pass"],
];

/** Names and descriptions, sorted by name. */
export function changeableOptions(of: "agent" | "endpoint"): readonly (readonly [name: string, description: string])[] {
  return options.filter(([, scope]) => scope === of || scope === "both").map(([name, , text]) => [name, text]);
}
