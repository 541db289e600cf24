// SPDX-License-Identifier: Apache-2.0
// Label keys with a meaning of their own in policies, and the names that policies have for people.

export {
  CLUSTER_KEY as clusterKey,
  NAMESPACE_KEY as namespaceKey,
  NAMESPACE_LABEL_PREFIX as namespaceLabelPrefix,
} from "../core/index.ts";

/** A policy's name for people: `namespace/name`, or just the name of a clusterwide one. */
export function policyName({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}
