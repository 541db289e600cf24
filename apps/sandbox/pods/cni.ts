// SPDX-License-Identifier: Apache-2.0
// Calls the CNI plugin as a container runtime does.
import { join } from "node:path";
import { agentCgroup } from "../cgroups.ts";
import { SandboxError } from "../errors.ts";
import { projectRoot, runPath, sandboxPaths } from "../paths.ts";
import { spawnIn } from "../process.ts";
import type { PodRecord, Sandbox } from "../types.ts";

const binaries = join(projectRoot, "bin");
const timeout = 60_000;

export interface CniResult {
  readonly ips?: readonly { readonly address: string }[];
}

/** Runs ADD, DEL or CHECK for a pod's eth0. Throws with the plugin's own words when it fails. */
export async function callCni(command: "ADD" | "DEL" | "CHECK", sandbox: Sandbox, pod: PodRecord): Promise<CniResult> {
  const paths = sandboxPaths(sandbox.name);
  const node = paths.node(pod.node);
  const child = spawnIn(
    {
      netns: node.netns,
      cgroup: agentCgroup(sandbox.name, pod.node),
      command: [join(binaries, "cilium-cni")],
      env: {
        PATH: runPath,
        CNI_COMMAND: command,
        CNI_CONTAINERID: pod.containerId,
        CNI_NETNS: paths.pod(pod.namespace, pod.name).netns,
        CNI_IFNAME: "eth0",
        CNI_PATH: binaries,
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${pod.namespace};K8S_POD_NAME=${pod.name};K8S_POD_UID=${pod.uid}`,
      },
    },
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  const configuration = {
    cniVersion: "1.0.0",
    name: "cilium",
    type: "cilium-cni",
    "agent-socket": node.socket,
    "log-file": node.cniLog,
    ...(command !== "ADD" && pod.cniResult !== undefined && { prevResult: pod.cniResult }),
  };
  const { code, stdout, stderr } = await collect(child, JSON.stringify(configuration));
  if (code === 0) return stdout.trim() === "" ? {} : (JSON.parse(stdout) as CniResult);
  throw new SandboxError(`CNI ${command} failed: ${pluginError(stdout) ?? (stderr.trim() || `exit code ${code}`)}`);
}

function collect(
  child: ReturnType<typeof spawnIn>,
  input: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  // A plugin that ended without reading says why in its exit code.
  child.stdin?.on("error", () => {}).end(input);
  const timer = setTimeout(() => child.kill("SIGKILL"), timeout);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ ...output, code: code ?? 1, stderr: output.stderr || (signal === null ? "" : `ended by ${signal}`) });
    });
  });
}

/** The error object that the specification asks for on stdout. */
function pluginError(stdout: string): string | undefined {
  try {
    const { msg, details } = JSON.parse(stdout) as { msg?: unknown; details?: unknown };
    if (typeof msg !== "string") return undefined;
    return typeof details === "string" && details !== "" ? `${msg}: ${details}` : msg;
  } catch {
    return undefined;
  }
}
