// SPDX-License-Identifier: Apache-2.0
// Which node a pod goes to. Pure.
import { SandboxError } from "../errors.ts";
import type { PodSpec } from "../manifests/shapes.ts";
import type { DesiredPod } from "./desired.ts";

export interface NodeLoad {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}
export interface Placed {
  readonly node: string;
  readonly namespace: string;
  readonly owner?: string;
}

/**
 * `nodeName`, else of the nodes that `nodeSelector` matches the one with the fewest pods of the same Deployment, then
 * the fewest pods, then the first. Throws when there is none.
 */
export function schedule(pod: DesiredPod, nodes: readonly NodeLoad[], placed: readonly Placed[]): string {
  const spec = pod.object.spec as PodSpec;
  const named = spec.nodeName === undefined ? nodes : nodes.filter((node) => node.name === spec.nodeName);
  const selector = Object.entries(spec.nodeSelector ?? {});
  const fitting = named.filter((node) => selector.every(([key, value]) => node.labels[key] === value));
  const ranked = fitting.map((node) => {
    const there = placed.filter((other) => other.node === node.name);
    const siblings = there.filter(
      (other) => pod.owner !== undefined && other.owner === pod.owner && other.namespace === pod.namespace,
    );
    return { name: node.name, rank: siblings.length * 1_000_000 + there.length };
  });
  const best = ranked.reduce<(typeof ranked)[number] | undefined>(
    (a, b) => (a === undefined || b.rank < a.rank ? b : a),
    undefined,
  );
  if (best !== undefined) return best.name;
  const wish =
    named.length === 0
      ? `spec.nodeName is "${spec.nodeName}"`
      : `spec.nodeSelector is ${JSON.stringify(spec.nodeSelector)}`;
  const names = nodes.map((node) => node.name).join(", ");
  throw new SandboxError(
    `Cannot place pod "${pod.namespace}/${pod.name}": ${wish}, expected one that fits ${names} (see "cilium sandbox get nodes")`,
  );
}
