// SPDX-License-Identifier: Apache-2.0
// Reads and writes the records of sandboxes.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type ResourceRow, resourceId } from "../../src/kubernetes/index.ts";
import { SandboxError } from "./errors.ts";
import { listFolder, readJson, writeJson } from "./files.ts";
import { checkName } from "./names.ts";
import { sandboxesRoot, sandboxPaths } from "./paths.ts";
import type { PodRecord, Sandbox } from "./types.ts";

/** Names of all sandboxes that have left a folder. */
export function sandboxNames(): string[] {
  return listFolder(sandboxesRoot).filter((name) => !name.startsWith("."));
}

/** The record of a sandbox; undefined when there is none (or only its remains). */
export function findSandbox(name: string): Sandbox | undefined {
  return readJson<Sandbox>(sandboxPaths(checkName(name)).state);
}

/** As findSandbox; throws when there is none. */
export function openSandbox(name: string): Sandbox {
  const sandbox = findSandbox(name);
  if (sandbox === undefined) {
    throw new SandboxError(
      `Cannot find sandbox "${name}": there is none of that name (make it with "cilium sandbox create --name ${name}")`,
    );
  }
  return sandbox;
}

export function saveSandbox(sandbox: Sandbox): void {
  writeJson(sandboxPaths(sandbox.name).state, sandbox);
}

/** Applied objects, Pods of Deployments not among them. */
export function loadObjects(sandbox: Sandbox): ResourceRow[] {
  const folder = sandboxPaths(sandbox.name).objects;
  return listFolder(folder)
    .filter((file) => file.endsWith(".json") && !file.startsWith("."))
    .flatMap((file) => readJson<ResourceRow>(join(folder, file)) ?? []);
}

export function saveObject(sandbox: Sandbox, row: ResourceRow): void {
  writeJson(join(sandboxPaths(sandbox.name).objects, objectFile(row)), row);
}

export function deleteObject(sandbox: Sandbox, row: ResourceRow): void {
  rmSync(join(sandboxPaths(sandbox.name).objects, objectFile(row)), { force: true });
}

/** Kinds, namespaces and names hold no "_". */
export function objectFile(row: Pick<ResourceRow, "kind" | "namespace" | "name">): string {
  return `${resourceId(row.kind, row.namespace, row.name).replaceAll("/", "_")}.json`;
}

/** Sorted by namespace and name. */
export function loadPods(sandbox: Sandbox): PodRecord[] {
  const { pods } = sandboxPaths(sandbox.name);
  return listFolder(pods).flatMap((folder) => readJson<PodRecord>(join(pods, folder, "pod.json")) ?? []);
}

export function findPod(sandbox: Sandbox, namespace: string, name: string): PodRecord {
  const pod = readJson<PodRecord>(sandboxPaths(sandbox.name).pod(namespace, name).record);
  if (pod === undefined) {
    throw new SandboxError(
      `Cannot find pod "${namespace}/${name}": sandbox "${sandbox.name}" has none of that name (see "cilium sandbox get pods -A")`,
    );
  }
  return pod;
}

export function savePod(sandbox: Sandbox, pod: PodRecord): void {
  writeJson(sandboxPaths(sandbox.name).pod(pod.namespace, pod.name).record, pod);
}
