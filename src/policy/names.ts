// SPDX-License-Identifier: Apache-2.0
// Label keys with a meaning of their own in policies.

export const namespaceKey = "io.kubernetes.pod.namespace";
export const clusterKey = "io.cilium.k8s.policy.cluster";
/** In front of the keys of a namespace's own labels. */
export const namespaceLabelPrefix = "io.cilium.k8s.namespace.labels.";

/** A policy's name for people: `namespace/name`, or just the name of a clusterwide one. */
export function policyName({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}
