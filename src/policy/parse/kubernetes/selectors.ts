// SPDX-License-Identifier: Apache-2.0
// Label selectors as Kubernetes' own policy kinds write them: plain keys, every one a Kubernetes label.
import { clusterKey, namespaceKey, namespaceLabelPrefix } from "../../names.ts";
import { makeSelector } from "../../selectors/selector.ts";
import type { Requirement, Selector } from "../../types.ts";
import type { DocumentNode } from "../node.ts";
import { scopeSubject } from "../scope.ts";
import { type ParsedSelector, parseSelector } from "../selector.ts";
import type { KubernetesScope } from "./types.ts";

const anyNamespace: Requirement = { source: "k8s", key: namespaceKey, operator: "Exists", values: [] };

const everything: ParsedSelector = { matchLabels: [], matchExpressions: [] };

/**
 * Reads a selector; one that is missing selects everything. Every key gets the source, and `prefix` in front; keys with
 * a source of their own are refused.
 */
export function parseLabelSelector(node: DocumentNode, source = "k8s", prefix = ""): ParsedSelector {
  if (!node.present) return everything;
  const { matchLabels, matchExpressions } = parseSelector(node);
  refuseSources(node);
  const place = (requirement: Requirement) => ({ ...requirement, source, key: `${prefix}${requirement.key}` });
  return { matchLabels: matchLabels.map(place), matchExpressions: matchExpressions.map(place) };
}

/** Reads a selector of namespaces. `{}` is every namespace; pods outside of any (such as host ones) stay out. */
function parseNamespaceSelector(node: DocumentNode): readonly Requirement[] {
  const found = requirementsOf(parseLabelSelector(node, "k8s", namespaceLabelPrefix));
  return found.length === 0 ? [anyNamespace] : found;
}

/** Pods of the policy's own namespace, in the local cluster unless the selector names one. */
export function podsOfNamespace(node: DocumentNode, scope: KubernetesScope): Selector {
  const pods = parseLabelSelector(node);
  return makeSelector([...scopeSubject(pods, scope).requirements, ...clusterOf(pods, scope)]);
}

/** Pods that the second selector chooses, of the namespaces that the first does, in the local cluster. */
export function podsOfNamespaces(namespaces: DocumentNode, pods: DocumentNode, scope: KubernetesScope): Selector {
  const chosen = parseLabelSelector(pods);
  return makeSelector([...parseNamespaceSelector(namespaces), ...requirementsOf(chosen), ...clusterOf(chosen, scope)]);
}

/** The requirement that a selector without a cluster gets; none where peers may live in any cluster. */
export function clusterOf(
  { matchLabels, matchExpressions }: ParsedSelector,
  scope: KubernetesScope,
): readonly Requirement[] {
  const named =
    matchLabels.some(({ key, values }) => key === clusterKey && values[0] !== "") ||
    matchExpressions.some(({ key }) => key === clusterKey);
  if (named || scope.peerCluster === undefined) return [];
  return [{ source: "k8s", key: clusterKey, operator: "In", values: [scope.peerCluster] }];
}

/** Both parts of a selector in one list. */
export function requirementsOf({ matchLabels, matchExpressions }: ParsedSelector): readonly Requirement[] {
  return [...matchLabels, ...matchExpressions];
}

function refuseSources(node: DocumentNode): void {
  const labels = node.field("matchLabels");
  const expressions = node.field("matchExpressions");
  const keys = [
    ...(labels.present ? labels.entries() : []),
    ...(expressions.present
      ? expressions.items().map((item) => [item.field("key").value, item.field("key")] as const)
      : []),
  ];
  for (const [key, place] of keys) {
    if (!String(key).includes(":")) continue;
    const problem = `${place.pathText} has the key ${JSON.stringify(key)}, expected one without a source (this kind knows Kubernetes labels alone)`;
    throw place.failWith("bad-selector", problem);
  }
}
