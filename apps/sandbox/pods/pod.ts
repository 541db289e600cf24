// SPDX-License-Identifier: Apache-2.0
// A pod's life on its node: manifest, namespace, CNI, containers; and back.
import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseIp, toError } from "../../../src/core/index.ts";
import { createNetns, deleteNetns, removeCgroup } from "../../../src/kernel/index.ts";
import { nodeOf } from "../agent.ts";
import { podCgroup } from "../cgroups.ts";
import { SandboxError } from "../errors.ts";
import { writeJson } from "../files.ts";
import { sandboxPaths } from "../paths.ts";
import { killIfThere } from "../process.ts";
import { objectFile, savePod } from "../store.ts";
import type { PodRecord, Sandbox } from "../types.ts";
import { waitFor } from "../wait.ts";
import { callCni } from "./cni.ts";
import { startContainers, startPause } from "./container.ts";
import type { DesiredPod } from "./desired.ts";

/** The record of a pod that is to start on `node`. */
export function newPod(pod: DesiredPod, node: string): PodRecord {
  const uid = randomUUID();
  return {
    namespace: pod.namespace,
    name: pod.name,
    uid,
    node,
    object: placedObject(pod.object, node, uid),
    ...(pod.owner !== undefined && { owner: pod.owner }),
    containerId: randomBytes(32).toString("hex"),
    ips: [],
    containers: [],
    createdAt: new Date().toISOString(),
  };
}

function placedObject(
  object: Readonly<Record<string, unknown>>,
  node: string,
  uid: string,
): Readonly<Record<string, unknown>> {
  const { status: _, ...rest } = object;
  return {
    ...rest,
    metadata: { ...(object.metadata as object), uid },
    spec: { ...(object.spec as object), nodeName: node },
  };
}

/** Gives the node's agent the Pod object, from which it takes the labels. */
export function publishPod(sandbox: Sandbox, pod: PodRecord): void {
  writeJson(manifestPath(sandbox, pod), pod.object);
}

/** A pod that runs on with another object: new labels. */
export function relabelPod(sandbox: Sandbox, pod: PodRecord, object: Readonly<Record<string, unknown>>): void {
  const changed = { ...pod, object: placedObject(object, pod.node, pod.uid) };
  publishPod(sandbox, changed);
  savePod(sandbox, changed);
}

/**
 * Starts a published pod. The record is saved at each step, so that whatever happens its parts are known.
 * Throws when the plugin refuses or a namespace cannot be made; the record then holds the failure.
 */
export async function startPod(sandbox: Sandbox, pod: PodRecord): Promise<PodRecord> {
  let record = pod;
  const { netns } = sandboxPaths(sandbox.name).pod(pod.namespace, pod.name);
  savePod(sandbox, record);
  try {
    createNetns(netns).close();
    const cniResult = await callCni("ADD", sandbox, record);
    const ips = (cniResult.ips ?? []).map(({ address }) => parseIp(address.split("/")[0] ?? ""));
    record = { ...record, cniResult, ips };
    savePod(sandbox, record);
    const pause = await startPause(sandbox, record);
    record = { ...record, pause };
    savePod(sandbox, record);
    record = { ...record, containers: startContainers(sandbox, nodeOf(sandbox, pod.node), record, pause) };
    savePod(sandbox, record);
    return record;
  } catch (thrown) {
    const failure = toError(thrown).message;
    savePod(sandbox, { ...record, failure });
    throw new SandboxError(`Cannot start pod "${pod.namespace}/${pod.name}" on ${pod.node}: ${failure}`, {
      cause: thrown,
    });
  }
}

/** Ends a pod and removes all of it: CNI DEL first, as a runtime does. */
export async function removePod(sandbox: Sandbox, pod: PodRecord): Promise<void> {
  const paths = sandboxPaths(sandbox.name).pod(pod.namespace, pod.name);
  const cgroup = podCgroup(sandbox.name, pod);
  await callCni("DEL", sandbox, pod);
  await endGroup(cgroup, pod);
  deleteNetns(paths.netns);
  rmSync(manifestPath(sandbox, pod), { force: true });
  rmSync(paths.folder, { recursive: true, force: true });
}

/** SIGKILL to all of the pod: a sandbox's workloads have no state to save. */
async function endGroup(cgroup: string, pod: PodRecord): Promise<void> {
  const gone = await waitFor(() => {
    if (!existsSync(cgroup)) return true;
    const pids = readFileSync(join(cgroup, "cgroup.procs"), "utf8")
      .split("\n")
      .filter((line) => line !== "");
    for (const pid of pids) killIfThere(Number(pid));
    return pids.length === 0 && removed(cgroup);
  }, 10_000);
  if (!gone)
    throw new SandboxError(
      `Cannot remove pod "${pod.namespace}/${pod.name}": its processes stay (see ${cgroup}/cgroup.procs)`,
    );
}

function removed(cgroup: string): boolean {
  try {
    removeCgroup(cgroup);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
    throw error;
  }
}

function manifestPath(sandbox: Sandbox, pod: PodRecord): string {
  return join(sandboxPaths(sandbox.name).node(pod.node).staticResources, objectFile({ kind: "Pod", ...pod }));
}
