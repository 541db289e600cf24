// SPDX-License-Identifier: Apache-2.0
// status: how the agent is.
import { AgentUnreachableError, type ComponentState, type StatusResponse } from "../../../src/api/index.ts";
import { parseDuration } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, flag, textOption } from "../define.ts";
import { ExitError, UsageError } from "../errors.ts";
import { clusterHealthLines } from "../health/format.ts";
import type { Line } from "../output/table.ts";
import { formatStatus, type StatusOptions } from "../status/format.ts";
import { healthClient } from "./health/client.ts";

/** More nodes that are not well are not shown, unless all are wanted. */
const shownNodes = 10;

export const status: CommandSpec = {
  usage: "status",
  summary: "Show the status of the agent",
  options: [
    ["--all-addresses", "show all allocated addresses, not only how many"],
    ["--all-controllers", "show all controllers, not only failing ones"],
    ["--all-health", "show all modules' health, not only failing ones"],
    ["--all-nodes", "show all nodes, not only unhealthy ones"],
    ["--all-redirects", "show all redirects"],
    ["--all-clusters", "show all clusters"],
    ["--brief", "only one line: OK, or what is wrong"],
    ["--verbose", "everything"],
    ["--require-k8s-connectivity [bool]", "count an unreachable Kubernetes API as a failure", "true"],
    ["--timeout <duration>", "how long to wait for the agent", "30s"],
  ],
  run: showStatus,
};

async function showStatus(context: Context, call: Call): Promise<void> {
  const brief = flag(call, "brief");
  const answer = await ask(context, call, brief);
  if (context.structured) {
    // Who asks for the answer judges it.
    await context.result(answer, () => []);
    return;
  }
  context.print(brief ? [briefStatus(answer)] : await screenOf(context, call, answer));
  // In one line the fault of what the agent needs is the agent's.
  const needed = brief ? [answer.kvstore, answer.kubernetes, answer.cilium] : [answer.cilium];
  if (!needed.every(isWell)) throw new ExitError(1);
}

/** The screen; which nodes answer is asked for only when it is shown. */
async function screenOf(context: Context, call: Call, answer: StatusResponse): Promise<readonly string[]> {
  const health = answer.cluster?.ciliumHealth?.state === "Ok" ? await clusterHealth(context, call) : [];
  return formatStatus(answer, optionsOf(call), context.io.now(), health);
}

async function clusterHealth(context: Context, call: Call): Promise<readonly Line[]> {
  const verbose = flag(call, "verbose");
  try {
    const status = await healthClient(context).status();
    const allNodes = verbose || flag(call, "allNodes");
    return clusterHealthLines(status, { allNodes, verbose, atMost: allNodes ? Number.POSITIVE_INFINITY : shownNodes });
  } catch (error) {
    if (!(error instanceof AgentUnreachableError)) throw error;
    return [["Cluster health:", "", "", "Warning", "cilium-health daemon unreachable"]];
  }
}

async function ask(context: Context, call: Call, brief: boolean): Promise<StatusResponse> {
  const timeout = timeoutOf(textOption(call, "timeout") ?? "30s");
  const requireK8s = call.options.requireK8sConnectivity !== "false";
  try {
    return await context.client(timeout).healthz({ brief, requireK8s });
  } catch (error) {
    if (!brief || !(error instanceof AgentUnreachableError)) throw error;
    context.io.stderr("cilium: daemon unreachable\n");
    throw new ExitError(1);
  }
}

function timeoutOf(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined) return milliseconds;
  throw new UsageError(`Cannot use --timeout "${text}": not a duration such as 30s`);
}

function optionsOf(call: Call): StatusOptions {
  const verbose = flag(call, "verbose");
  return {
    allAddresses: verbose || flag(call, "allAddresses"),
    allControllers: verbose || flag(call, "allControllers"),
    allRedirects: verbose || flag(call, "allRedirects"),
    allHealth: verbose || flag(call, "allHealth"),
    verbose,
  };
}

function isWell(component: { readonly state: ComponentState } | undefined): boolean {
  return component === undefined || component.state === "Ok" || component.state === "Disabled";
}

/** "OK", or the first thing that is wrong. */
function briefStatus(status: StatusResponse): string {
  const components = [
    ["kvstore", status.kvstore],
    ["kubernetes", status.kubernetes],
    ["cilium", status.cilium],
    ["cilium-health", status.cluster?.ciliumHealth],
  ] as const;
  for (const [name, component] of components) {
    if (component === undefined || isWell(component)) continue;
    return `error in ${name}: ${component.msg ?? component.state}`;
  }
  const failing = status.controllers?.find((controller) => (controller.status["consecutive-failure-count"] ?? 0) > 0);
  return failing === undefined
    ? "OK"
    : `error in controller ${failing.name}: ${failing.status["last-failure-msg"] ?? ""}`;
}
