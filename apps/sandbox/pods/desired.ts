// SPDX-License-Identifier: Apache-2.0
// Which pods the applied objects ask for. Pure, but for the random part of generated names, which comes in.
import { createHash } from "node:crypto";
import type { ResourceRow } from "../../../src/kubernetes/index.ts";
import type { DeploymentObject, PodSpec } from "../manifests/shapes.ts";
import type { PodRecord } from "../types.ts";

/** Letters of generated names: no vowels, as Kubernetes does it. */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** A pod that should be there. */
export interface DesiredPod {
  readonly namespace: string;
  readonly name: string;
  /** The object, without node and status. */
  readonly object: Readonly<Record<string, unknown>>;
  /** Name of the Deployment that asks for it. */
  readonly owner?: string;
}

export interface PodPlan {
  readonly create: readonly DesiredPod[];
  /** Same spec, other labels: their object changes, they run on. */
  readonly relabel: readonly { readonly pod: PodRecord; readonly object: Readonly<Record<string, unknown>> }[];
  readonly remove: readonly PodRecord[];
}

/** Compares the pods that are there with the Pods and Deployments among all objects. */
export function planPods(rows: readonly ResourceRow[], present: readonly PodRecord[], random: () => number): PodPlan {
  const create: DesiredPod[] = [];
  const relabel: { pod: PodRecord; object: Readonly<Record<string, unknown>> }[] = [];
  const keep = new Set<PodRecord>();
  for (const row of rows) {
    if (row.kind === "Pod") {
      const pod = present.find(
        (pod) => pod.namespace === row.namespace && pod.name === row.name && pod.owner === undefined,
      );
      if (pod === undefined || !sameSpec(pod.object, row.object) || pod.failure !== undefined) {
        create.push({ namespace: row.namespace, name: row.name, object: row.object });
        continue;
      }
      keep.add(pod);
      if (!same(labelsOf(pod.object), labelsOf(row.object))) relabel.push({ pod, object: row.object });
    }
    if (row.kind === "Deployment") {
      const replicas = planDeployment(row, present, random);
      for (const pod of replicas.keep) keep.add(pod);
      create.push(...replicas.create);
    }
  }
  return { create, relabel, remove: present.filter((pod) => !keep.has(pod)) };
}

/** Which pods stay, and new ones as far as there are too few. */
function planDeployment(row: ResourceRow, present: readonly PodRecord[], random: () => number) {
  const { spec } = row.object as unknown as DeploymentObject;
  const hash = shortHash(JSON.stringify(spec.template), 10);
  const prefix = `${row.name}-${hash}-`;
  const replicas = spec.replicas ?? 1;
  const current = present.filter(
    (pod) =>
      pod.namespace === row.namespace &&
      pod.owner === row.name &&
      pod.name.startsWith(prefix) &&
      pod.failure === undefined,
  );
  const create = Array.from({ length: Math.max(0, replicas - current.length) }, (): DesiredPod => {
    const name = prefix + Array.from({ length: 5 }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
    const labels = { ...spec.template.metadata?.labels, "pod-template-hash": hash };
    const metadata = { ...spec.template.metadata, name, namespace: row.namespace, labels };
    const object = { apiVersion: "v1", kind: "Pod", metadata, spec: spec.template.spec };
    return { namespace: row.namespace, name, object, owner: row.name };
  });
  return { keep: current.slice(0, replicas), create };
}

/** Containers and placement; what the scheduler filled in does not count. */
function sameSpec(present: Readonly<Record<string, unknown>>, wanted: Readonly<Record<string, unknown>>): boolean {
  const specs = [present.spec as PodSpec, wanted.spec as PodSpec];
  return same(...(specs.map(({ nodeName: _, ...spec }) => spec) as [unknown, unknown])) && sameNode(specs[0], specs[1]);
}

function sameNode(present: PodSpec | undefined, wanted: PodSpec | undefined): boolean {
  return wanted?.nodeName === undefined || wanted.nodeName === present?.nodeName;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

export function labelsOf(object: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return (object.metadata as { labels?: Record<string, string> | null }).labels ?? {};
}

function shortHash(text: string, length: number): string {
  const digest = createHash("sha256").update(text).digest();
  return Array.from(digest.subarray(0, length), (byte) => alphabet[byte % alphabet.length]).join("");
}
