// SPDX-License-Identifier: Apache-2.0
// What a policy may speak of: a namespaced one of its own namespace's pods, and of peers there unless it says otherwise.
import { clusterKey, namespaceKey, namespaceLabelPrefix } from "../names.ts";
import { makeSelector } from "../selectors/selector.ts";
import type { Requirement, Selector } from "../types.ts";
import type { SpecScope } from "./options.ts";
import type { ParsedSelector } from "./selector.ts";

/** Where a policy lives, and what its peers are narrowed to. */
export interface PolicyScope extends SpecScope {
  /** Whether the subject asks for `reserved:init`: pods that have no labels yet, and so no namespace. */
  readonly selectsInit: boolean;
}

/**
 * Subject of a policy: among matchLabels, the namespace with source `k8s` is the policy's own whatever the author
 * wrote. What else speaks of namespaces stays, and can only narrow it further. Without a namespace nothing is added.
 */
export function scopeSubject(
  { matchLabels, matchExpressions }: ParsedSelector,
  { namespace }: Pick<SpecScope, "namespace">,
): Selector {
  if (namespace === "") return makeSelector([...matchLabels, ...matchExpressions]);
  const kept = matchLabels.filter(({ source, key }) => !(source === "k8s" && key === namespaceKey));
  return makeSelector([...kept, ...matchExpressions, equals(namespaceKey, namespace)]);
}

/**
 * Peer of a policy. A key of the namespace or of its labels (bare or `k8s:`) lifts the namespace, one of the cluster
 * lifts the cluster, a `reserved:` key lifts both. Peers of a clusterwide policy need some namespace instead.
 */
export function scopePeer({ matchLabels, matchExpressions }: ParsedSelector, scope: PolicyScope): Selector {
  const requirements = [...matchLabels, ...matchExpressions];
  if (requirements.some(({ source }) => source === "reserved")) return makeSelector(requirements);
  const keys = kubernetesKeys(requirements);
  const added: Requirement[] = [];
  if (!keys.includes(namespaceKey)) {
    if (scope.namespace === "") {
      if (!scope.selectsInit) added.push(exists("k8s", namespaceKey));
    } else if (!keys.some((key) => key.startsWith(namespaceLabelPrefix))) {
      added.push(equals(namespaceKey, scope.namespace));
    }
  }
  return makeSelector([...requirements, ...added, ...ownCluster(keys, scope)]);
}

/** Node as a peer: another node than this one, of the local cluster unless a cluster is named. */
export function scopeNode({ matchLabels, matchExpressions }: ParsedSelector, scope: PolicyScope): Selector {
  const requirements = [...matchLabels, ...matchExpressions];
  const remote = exists("reserved", "remote-node");
  return makeSelector([...requirements, remote, ...ownCluster(kubernetesKeys(requirements), scope)]);
}

function kubernetesKeys(requirements: readonly Requirement[]): readonly string[] {
  return requirements.filter(({ source }) => source === "any" || source === "k8s").map(({ key }) => key);
}

function ownCluster(keys: readonly string[], { peerCluster }: PolicyScope): readonly Requirement[] {
  return peerCluster === undefined || keys.includes(clusterKey) ? [] : [equals(clusterKey, peerCluster)];
}

function equals(key: string, value: string): Requirement {
  return { source: "k8s", key, operator: "In", values: [value] };
}

function exists(source: string, key: string): Requirement {
  return { source, key, operator: "Exists", values: [] };
}
