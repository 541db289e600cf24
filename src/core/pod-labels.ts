// SPDX-License-Identifier: Apache-2.0
// The labels of a pod: its own, its namespace's, and what Cilium adds about namespace, cluster and service account.

import { FormatError } from "./errors.ts";
import type { Label } from "./label.ts";
import { Labels } from "./labels.ts";

/** What is known about a pod when its labels are made. */
export interface PodLabelInput {
  readonly namespace: string;
  /** The pod's own labels, as its manifest has them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  readonly cluster: string;
  /** Empty or absent: no label. */
  readonly serviceAccount?: string;
}

export const NAMESPACE_KEY = "io.kubernetes.pod.namespace";
export const CLUSTER_KEY = "io.cilium.k8s.policy.cluster";
const SERVICE_ACCOUNT_KEY = "io.cilium.k8s.policy.serviceaccount";
export const NAMESPACE_LABEL_PREFIX = "io.cilium.k8s.namespace.labels.";

/** Keys that only the system may set; a pod that carries one in its own labels is not believed. */
const SYSTEM_KEY = /^io\.(?:cilium\.k8s|kubernetes\.pod)\./;
const KEY_PREFIX = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/**
 * All labels of a pod, with source `k8s`, before the identity filter. Keys and values must follow Kubernetes' grammar
 * (FormatError else); keys of the system's own names among the pod's labels are left out.
 */
export function podLabels(pod: PodLabelInput): Labels {
  const labels: Label[] = [];
  for (const [key, value] of Object.entries(pod.labels)) {
    checkKubernetesLabel(key, value);
    if (!SYSTEM_KEY.test(key)) labels.push({ source: "k8s", key, value });
  }
  for (const [key, value] of Object.entries(pod.namespaceLabels ?? {})) {
    checkKubernetesLabel(key, value);
    labels.push({ source: "k8s", key: `${NAMESPACE_LABEL_PREFIX}${key}`, value });
  }
  labels.push({ source: "k8s", key: NAMESPACE_KEY, value: pod.namespace });
  labels.push({ source: "k8s", key: CLUSTER_KEY, value: pod.cluster });
  if (pod.serviceAccount !== undefined && pod.serviceAccount !== "") {
    labels.push({ source: "k8s", key: SERVICE_ACCOUNT_KEY, value: pod.serviceAccount });
  }
  return Labels.of(labels);
}

/** Throws FormatError for what the Kubernetes API would refuse as a label. */
export function checkKubernetesLabel(key: string, value: string): void {
  const slash = key.indexOf("/");
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  const goodPrefix = prefix === undefined || (prefix.length <= 253 && KEY_PREFIX.test(prefix));
  if (!goodPrefix || name.length > 63 || !NAME.test(name)) {
    throw new FormatError(
      `Cannot use label key ${JSON.stringify(key)}: [PREFIX/]NAME of letters, digits, "-", "_" and "." expected`,
    );
  }
  if (value !== "" && (value.length > 63 || !NAME.test(value))) {
    throw new FormatError(
      `Cannot use value ${JSON.stringify(value)} of label "${key}": up to 63 letters, digits, "-", "_" and "." expected`,
    );
  }
}
