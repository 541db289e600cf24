// SPDX-License-Identifier: Apache-2.0
// What a namespaced policy may speak of: its own namespace's pods as subject, peers of its namespace unless it says otherwise.
import { clusterKey, namespaceKey, namespaceLabelPrefix } from "../names.ts";
import { makeSelector } from "../selectors/selector.ts";
import type { Requirement, Selector } from "../types.ts";
import type { ParsedSelector } from "./selector.ts";

/** Where a policy lives. */
export interface PolicyScope {
  readonly namespace: string;
  /** Name of the local cluster; undefined: peers may live in any. */
  readonly cluster: string | undefined;
}

/**
 * Subject of a policy: among matchLabels, the namespace with source `k8s` is the policy's own whatever the author
 * wrote. What else speaks of namespaces stays, and can only narrow it further.
 */
export function scopeSubject({ matchLabels, matchExpressions }: ParsedSelector, scope: PolicyScope): Selector {
  const kept = matchLabels.filter(({ source, key }) => !(source === "k8s" && key === namespaceKey));
  return makeSelector([...kept, ...matchExpressions, equals(namespaceKey, scope.namespace)]);
}

/**
 * Peer of a policy. A key of the namespace or of its labels (bare or `k8s:`) lifts the namespace, one of the cluster
 * lifts the cluster, a `reserved:` key lifts both.
 */
export function scopePeer({ matchLabels, matchExpressions }: ParsedSelector, scope: PolicyScope): Selector {
  const requirements = [...matchLabels, ...matchExpressions];
  if (requirements.some(({ source }) => source === "reserved")) return makeSelector(requirements);
  const keys = requirements.filter(({ source }) => source === "any" || source === "k8s").map(({ key }) => key);
  const added: Requirement[] = [];
  if (!keys.some((key) => key === namespaceKey || key.startsWith(namespaceLabelPrefix))) {
    added.push(equals(namespaceKey, scope.namespace));
  }
  if (scope.cluster !== undefined && !keys.includes(clusterKey)) added.push(equals(clusterKey, scope.cluster));
  return makeSelector([...requirements, ...added]);
}

function equals(key: string, value: string): Requirement {
  return { source: "k8s", key, operator: "In", values: [value] };
}
