// SPDX-License-Identifier: Apache-2.0
// What containers and agents have written.
import { nodeOf } from "./agent.ts";
import { SandboxError } from "./errors.ts";
import { readIfThere } from "./files.ts";
import { sandboxPaths } from "./paths.ts";
import { findPod } from "./store.ts";
import type { Sandbox } from "./types.ts";

export type LogOf =
  | { readonly node: string }
  | { readonly namespace: string; readonly pod: string; readonly container?: string };

/** All of it, up to now. Throws when there is no such pod, node or container. */
export function readLog(sandbox: Sandbox, of: LogOf): string {
  const paths = sandboxPaths(sandbox.name);
  if ("node" in of) return readIfThere(paths.node(nodeOf(sandbox, of.node).name).agentLog) ?? "";
  const pod = findPod(sandbox, of.namespace, of.pod);
  const names = (pod.object.spec as { containers: { name: string }[] }).containers.map(({ name }) => name);
  const container = of.container ?? names[0] ?? "";
  if (!names.includes(container)) {
    throw new SandboxError(
      `Cannot find container "${container}": pod "${of.namespace}/${of.pod}" has ${names.join(", ")}`,
    );
  }
  return readIfThere(paths.pod(of.namespace, of.pod).log(container)) ?? "";
}
