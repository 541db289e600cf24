// SPDX-License-Identifier: Apache-2.0
// Commands in a pod or on a node: stdin, stdout, stderr and the exit code pass through.
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { nodeOf } from "./agent.ts";
import { agentCgroup, podCgroup } from "./cgroups.ts";
import { SandboxError } from "./errors.ts";
import { projectRoot, runPath, sandboxPaths } from "./paths.ts";
import { isAlive, type Spawn, spawnIn } from "./process.ts";
import { findPod, openSandbox } from "./store.ts";
import type { Sandbox } from "./types.ts";

/** What to spawn for a command in a pod's namespaces and control group. Throws when the pod does not run. */
export function podCommand(sandbox: Sandbox, namespace: string, name: string, command: readonly string[]): Spawn {
  const pod = findPod(sandbox, namespace, name);
  const { pause } = pod;
  if (!isAlive(pause)) {
    throw new SandboxError(
      `Cannot run "${command[0]}" in pod "${namespace}/${name}": it does not run (see "cilium sandbox get pods")`,
    );
  }
  return {
    netns: sandboxPaths(sandbox.name).pod(namespace, name).netns,
    cgroup: podCgroup(sandbox.name, pod),
    env: { ...terminalOf(process.env), PATH: runPath, HOME: "/root", HOSTNAME: name },
    command: [
      "nsenter",
      `--mount=/proc/${pause.pid}/ns/mnt`,
      `--uts=/proc/${pause.pid}/ns/uts`,
      "--wdns=/",
      "--",
      ...command,
    ],
  };
}

/** What to spawn for a command in a node's network namespace, with its agent at CILIUM_SOCK. */
export function nodeCommand(sandbox: Sandbox, name: string, command: readonly string[]): Spawn {
  const node = nodeOf(sandbox, name);
  const paths = sandboxPaths(sandbox.name).node(node.name);
  const path = [join(projectRoot, "bin"), process.env.PATH ?? runPath].join(delimiter);
  const inherited = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    netns: paths.netns,
    cgroup: agentCgroup(sandbox.name, name),
    env: { ...Object.fromEntries(inherited), PATH: path, CILIUM_SOCK: paths.socket },
    cwd: process.cwd(),
    command,
  };
}

export async function execInPod(
  sandboxName: string,
  namespace: string,
  pod: string,
  command: readonly string[],
): Promise<number> {
  return await runAttached(podCommand(openSandbox(sandboxName), namespace, pod, command));
}

export async function execOnNode(sandboxName: string, node: string, command: readonly string[]): Promise<number> {
  return await runAttached(nodeCommand(openSandbox(sandboxName), node, command));
}

/** Exit code of the command; 128 + number when a signal ended it. Signals that would end us go to the command instead. */
async function runAttached(options: Spawn): Promise<number> {
  const child = spawnIn(options, { stdio: "inherit" });
  // Handlers of our own program would end it; the terminal gives SIGINT to the command as well.
  const handlers: Record<string, () => void> = {
    SIGINT: () => {},
    SIGTERM: () => void child.kill("SIGTERM"),
    SIGHUP: () => void child.kill("SIGHUP"),
  };
  for (const [signal, handler] of Object.entries(handlers)) process.removeAllListeners(signal).on(signal, handler);
  return await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

function terminalOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(["TERM", "LANG"].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
