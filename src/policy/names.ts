// SPDX-License-Identifier: Apache-2.0
// Label keys with a meaning of their own in policies, and the names that policies have for people.

export {
  CLUSTER_KEY as clusterKey,
  NAMESPACE_KEY as namespaceKey,
  NAMESPACE_LABEL_PREFIX as namespaceLabelPrefix,
} from "../core/index.ts";

/** A policy's name for people, the reverse of `splitPolicyName`: `namespace/name`, or just the name of a clusterwide one. */
export function policyName({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

/** Namespace (empty: clusterwide) and name of a policy from its name for people. */
export function splitPolicyName(text: string): { readonly namespace: string; readonly name: string } {
  const slash = text.indexOf("/");
  return { namespace: text.slice(0, Math.max(slash, 0)), name: text.slice(slash + 1) };
}
