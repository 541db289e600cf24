// SPDX-License-Identifier: Apache-2.0
// The only import door of apps/sandbox, for tests and benchmarks. The command line imports command.ts.

export {
  agentClient,
  agentProcess,
  agentSettings,
  killAgent,
  nodeOf,
  startAgent,
  stopAgent,
  waitForAgent,
} from "./agent.ts";
export { type AppliedObject, type ApplyOptions, applyObjects, removeObjects } from "./apply.ts";
export { type CreateOptions, createSandbox } from "./create.ts";
export { allSandboxes, deleteSandbox } from "./delete.ts";
export { SandboxError } from "./errors.ts";
export { etcdProcess, etcdUrl, killEtcd, startEtcd, waitForEtcd } from "./etcd.ts";
export { nodeCommand, podCommand } from "./exec.ts";
export { podObject } from "./get/objects.ts";
export { checkManifests, readInputs } from "./manifests/input.ts";
export { sandboxPaths } from "./paths.ts";
export { spawnIn } from "./process.ts";
export { findRemains } from "./remains.ts";
export { findPod, loadPods, openSandbox } from "./store.ts";
export type { PodRecord, ProcessRef, Sandbox, SandboxNode } from "./types.ts";
