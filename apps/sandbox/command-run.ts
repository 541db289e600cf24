// SPDX-License-Identifier: Apache-2.0
// `sandbox logs`, `exec`, `node` and `agent`.
import type { Command } from "commander";
import { killAgent, nodeOf, startAgent, stopAgent, waitForAgent } from "./agent.ts";
import { act, write } from "./command-act.ts";
import { nameOption, namespaceOption, wholeNumber } from "./command-options.ts";
import { SandboxError } from "./errors.ts";
import { execInPod, execOnNode } from "./exec.ts";
import { lockSandbox } from "./lock.ts";
import { readLog } from "./logs.ts";
import { openSandbox } from "./store.ts";
import type { Sandbox, SandboxNode } from "./types.ts";

export function registerRunCommands(sandbox: Command): void {
  sandbox
    .command("logs")
    .description("Show what a pod's container has written, or a node's agent with --agent")
    .argument("<pod>")
    .addOption(nameOption())
    .addOption(namespaceOption())
    .option("-c, --container <container>", "which container, if there are several")
    .option("--agent", "POD is a node: the log of its agent", false)
    .option("--tail <lines>", "only the last lines", wholeNumber)
    .action(act(logs));
  sandbox
    .command("exec")
    .description("Run a command in a pod: cilium sandbox exec [-n NS] POD -- COMMAND…")
    .argument("<pod>")
    .argument("<command...>")
    .addOption(nameOption())
    .addOption(namespaceOption())
    .action(
      act(async (pod: string, command: string[], flags: { name: string; namespace: string }) => {
        process.exitCode = await execInPod(flags.name, flags.namespace, pod, command);
      }),
    );
  sandbox
    .command("node")
    .description("Run a command in a node's network namespace, CILIUM_SOCK set: cilium sandbox node NODE -- COMMAND…")
    .argument("<node>")
    .argument("<command...>")
    .addOption(nameOption())
    .action(
      act(async (node: string, command: string[], flags: { name: string }) => {
        process.exitCode = await execOnNode(flags.name, node, command);
      }),
    );
  sandbox
    .command("agent")
    .description("Stop (SIGTERM), kill (SIGKILL), start or restart a node's agent")
    .argument("<action>", "stop, kill, start or restart")
    .argument("<node>")
    .addOption(nameOption())
    .action(act(agent));
}

interface LogFlags {
  name: string;
  namespace: string;
  container?: string;
  agent: boolean;
  tail?: number;
}

function logs(pod: string, flags: LogFlags): void {
  const { name, namespace, container, agent, tail } = flags;
  const of = agent ? { node: pod } : { namespace, pod, ...(container !== undefined && { container }) };
  const text = readLog(openSandbox(name), of);
  write(
    tail === undefined
      ? text
      : text
          .split("\n")
          .slice(-tail - 1)
          .join("\n"),
  );
}

const agentActions: Readonly<Record<string, (sandbox: Sandbox, node: SandboxNode) => Promise<string>>> = {
  stop: async (sandbox, node) => ((await stopAgent(sandbox, node)) ? "stopped" : "did not run"),
  kill: async (sandbox, node) => ((await killAgent(sandbox, node)) ? "killed" : "did not run"),
  start: async (sandbox, node) => {
    startAgent(sandbox, node);
    await waitForAgent(sandbox, node);
    return "runs";
  },
  restart: async (sandbox, node) => {
    await stopAgent(sandbox, node);
    startAgent(sandbox, node);
    await waitForAgent(sandbox, node);
    return "runs again";
  },
};

async function agent(action: string, nodeName: string, flags: { name: string }): Promise<void> {
  const run = agentActions[action];
  if (run === undefined) {
    throw new SandboxError(`Cannot do "${action}" to an agent: expected ${Object.keys(agentActions).join(", ")}`, {
      exitCode: 2,
    });
  }
  const sandbox = openSandbox(flags.name);
  const node = nodeOf(sandbox, nodeName);
  await using _lock = await lockSandbox(flags.name);
  write(`Agent of ${node.name} ${await run(sandbox, node)}\n`);
}
