// SPDX-License-Identifier: Apache-2.0
// A container's labels, of whatever runtime, as labels of an identity.
import { FormatError } from "./errors.ts";
import { formatLabel, makeLabel } from "./label.ts";
import { CLUSTER_KEY, NAMESPACE_KEY } from "./pod-labels.ts";

/** Keys that tools write on images and containers, which say nothing about a workload. */
const ofTools = [
  "com.docker.",
  "desktop.docker.",
  "org.opencontainers.",
  "io.containerd.",
  "io.podman.",
  "io.buildah.",
];
/** Of these, what says the same of each copy of a workload. */
const telling: readonly string[] = ["com.docker.compose.project", "com.docker.compose.service"];
/** Of one label, characters; the agent takes no longer ones. */
const longest = 4096;

export interface ContainerLabels {
  /** `container:KEY=VALUE`, and what places it in a namespace and a cluster. */
  readonly labels: readonly string[];
  /** Keys of labels that cannot be part of an identity: with spaces, `;` or control characters, or too long. */
  readonly leftOut: readonly string[];
}

/** `namespace` is what namespaced policies select by; `cluster`, empty for unknown, what the entity `cluster` does. */
export function containerLabels(
  given: Readonly<Record<string, string>>,
  namespace: string,
  cluster: string,
): ContainerLabels {
  const labels = [formatLabel(makeLabel("k8s", NAMESPACE_KEY, namespace))];
  if (cluster !== "") labels.push(formatLabel(makeLabel("k8s", CLUSTER_KEY, cluster)));
  const leftOut: string[] = [];
  for (const [key, value] of Object.entries(given)) {
    if (ofTools.some((prefix) => key.startsWith(prefix)) && !telling.includes(key)) continue;
    const label = usable(key, value);
    if (label === undefined) leftOut.push(key);
    else labels.push(label);
  }
  return { labels, leftOut };
}

function usable(key: string, value: string): string | undefined {
  try {
    const label = formatLabel(makeLabel("container", key, value));
    return label.length > longest ? undefined : label;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
