// SPDX-License-Identifier: Apache-2.0
// `apply` and `remove`: makes the sandbox be as the objects say.
import type { ResourceRow } from "../../src/kubernetes/index.ts";
import { SandboxError } from "./errors.ts";
import { lockSandbox } from "./lock.ts";
import { refuse } from "./manifests/check.ts";
import { kindOf, policyKinds } from "./manifests/kinds.ts";
import type { DeploymentObject, PodSpec } from "./manifests/shapes.ts";
import { nodeLoads } from "./nodes.ts";
import { containerStates } from "./pods/container.ts";
import { type DesiredPod, planPods } from "./pods/desired.ts";
import { newPod, publishPod, relabelPod, removePod, startPod } from "./pods/pod.ts";
import { schedule } from "./pods/schedule.ts";
import { waitForPolicies } from "./policies.ts";
import { publish, withdraw } from "./static.ts";
import { deleteObject, loadObjects, loadPods, openSandbox, saveObject } from "./store.ts";
import type { PodRecord, Sandbox } from "./types.ts";
import { inParallel, waitFor } from "./wait.ts";

const podsAtOnce = 4;
const readyTimeout = 30_000;

export interface AppliedObject {
  readonly row: ResourceRow;
  readonly outcome: "created" | "configured" | "unchanged" | "deleted" | "not found";
}

export interface ApplyOptions {
  /** Told of each object as soon as it is stored. */
  readonly onObject?: (applied: AppliedObject) => void;
  /** Default true: return when pods are ready and policies in force. */
  readonly wait?: boolean;
}

/**
 * Applies checked objects. Refuses all of them when one cannot be used here. Throws SandboxError; objects are stored
 * by then if the failure is that of a pod, and the error names it.
 */
export async function applyObjects(
  name: string,
  rows: readonly ResourceRow[],
  options: ApplyOptions = {},
): Promise<void> {
  const sandbox = openSandbox(name);
  await using _lock = await lockSandbox(name);
  const before = new Map(loadObjects(sandbox).map((row) => [row.id, row]));
  const after = new Map([...before, ...rows.map((row) => [row.id, row] as const)]);
  checkReferences(sandbox, rows, [...after.values()]);
  for (const row of rows) {
    const old = before.get(row.id);
    const same = old !== undefined && JSON.stringify(old.object) === JSON.stringify(row.object);
    if (!same) saveObject(sandbox, row);
    if (kindOf(row.kind)?.toAgents) publish(sandbox, row);
    options.onObject?.({ row, outcome: old === undefined ? "created" : same ? "unchanged" : "configured" });
  }
  await reconcilePods(sandbox, [...after.values()]);
  if (options.wait ?? true) {
    const policies = rows.filter((row) => policyKinds.has(row.kind)).map((row) => ({ row, present: true }));
    await Promise.all([waitForPolicies(sandbox, policies), waitForPods(sandbox, rows)]);
  }
}

/** Removes objects by kind, namespace and name; a namespace goes with all that is in it. */
export async function removeObjects(
  name: string,
  rows: readonly ResourceRow[],
  options: ApplyOptions = {},
): Promise<void> {
  const sandbox = openSandbox(name);
  await using _lock = await lockSandbox(name);
  const present = loadObjects(sandbox);
  const namespaces = new Set(rows.filter((row) => row.kind === "Namespace").map((row) => row.name));
  const ids = new Set(rows.map((row) => row.id));
  const gone = present.filter((row) => ids.has(row.id) || namespaces.has(row.namespace));
  for (const row of gone) {
    deleteObject(sandbox, row);
    if (kindOf(row.kind)?.toAgents) withdraw(sandbox, row);
    options.onObject?.({ row, outcome: "deleted" });
  }
  for (const row of rows) {
    if (!gone.some((other) => other.id === row.id)) options.onObject?.({ row, outcome: "not found" });
  }
  await reconcilePods(
    sandbox,
    present.filter((row) => !gone.includes(row)),
  );
  if (options.wait ?? true) {
    const policies = gone.filter((row) => policyKinds.has(row.kind)).map((row) => ({ row, present: false }));
    await waitForPolicies(sandbox, policies);
  }
}

/** Namespaces and nodes that the new objects name must be there. */
function checkReferences(sandbox: Sandbox, rows: readonly ResourceRow[], all: readonly ResourceRow[]): void {
  const namespaces = new Set(["default", ...all.filter((row) => row.kind === "Namespace").map((row) => row.name)]);
  const nodes = nodeLoads(sandbox, all);
  for (const row of rows) {
    if (row.namespace !== "" && !namespaces.has(row.namespace)) {
      refuse(
        row,
        ["metadata", "namespace"],
        `one of ${[...namespaces].join(", ")} (or a Namespace object in the same input)`,
      );
    }
    if (row.kind === "Node" && !nodes.some((node) => node.name === row.name)) {
      refuse(row, ["metadata", "name"], `one of ${nodes.map((node) => node.name).join(", ")}`);
    }
    for (const [spec, path] of podSpecs(row)) {
      const named = spec.nodeName === undefined || nodes.some((node) => node.name === spec.nodeName);
      if (!named) refuse(row, [...path, "nodeName"], `one of ${nodes.map((node) => node.name).join(", ")}`);
      const selector = Object.entries(spec.nodeSelector ?? {});
      const fits = nodes.some((node) => selector.every(([key, value]) => node.labels[key] === value));
      if (!fits)
        refuse(row, [...path, "nodeSelector"], "labels that a node has (see cilium sandbox get nodes -o json)");
    }
  }
}

function podSpecs(row: ResourceRow): [PodSpec, string[]][] {
  if (row.kind === "Pod") return [[row.object.spec as PodSpec, ["spec"]]];
  if (row.kind !== "Deployment") return [];
  return [[(row.object as unknown as DeploymentObject).spec.template.spec, ["spec", "template", "spec"]]];
}

/** Removes, relabels and starts pods until they are those that the objects ask for. */
async function reconcilePods(sandbox: Sandbox, objects: readonly ResourceRow[]): Promise<void> {
  const present = loadPods(sandbox);
  const plan = planPods(objects, present, Math.random);
  await inParallel(plan.remove, podsAtOnce, (pod) => removePod(sandbox, pod));
  for (const { pod, object } of plan.relabel) relabelPod(sandbox, pod, object);
  const placed: PodRecord[] = present.filter((pod) => !plan.remove.includes(pod));
  const started: PodRecord[] = [];
  for (const pod of plan.create) {
    const record = placePod(sandbox, objects, pod, placed);
    placed.push(record);
    started.push(record);
  }
  for (const pod of started) publishPod(sandbox, pod);
  await inParallel(started, podsAtOnce, (pod) => startPod(sandbox, pod));
}

function placePod(
  sandbox: Sandbox,
  objects: readonly ResourceRow[],
  pod: DesiredPod,
  placed: readonly PodRecord[],
): PodRecord {
  return newPod(pod, schedule(pod, nodeLoads(sandbox, objects), placed));
}

/** Waits until the pods of these objects are ready; one whose containers have all ended counts as done. */
async function waitForPods(sandbox: Sandbox, rows: readonly ResourceRow[]): Promise<void> {
  const asked = (pod: PodRecord): boolean =>
    rows.some(
      (row) => row.namespace === pod.namespace && row.name === (pod.owner ?? pod.name) && podSpecs(row).length > 0,
    );
  let waiting: string[] = [];
  const done = await waitFor(() => {
    waiting = loadPods(sandbox)
      .filter(asked)
      .filter((pod) => !isSettled(sandbox, pod))
      .map((pod) => `${pod.namespace}/${pod.name}`);
    return waiting.length === 0;
  }, readyTimeout);
  if (done) return;
  throw new SandboxError(
    `Cannot wait for pods ${waiting.join(", ")}: not ready after ${readyTimeout / 1000} s (see "cilium sandbox logs POD")`,
  );
}

function isSettled(sandbox: Sandbox, pod: PodRecord): boolean {
  const { restartPolicy = "Always" } = pod.object.spec as PodSpec;
  return containerStates(sandbox, pod).every(
    (container) => container.ready || (restartPolicy !== "Always" && container.state === "exited"),
  );
}
