// SPDX-License-Identifier: Apache-2.0
// `from` and `to` of a ClusterNetworkPolicy: pods, namespaces, nodes, networks, domain names.
import { canonicalDnsName } from "../../dns-name.ts";
import { nameSelector, prefixSelector } from "../../selectors/address-selector.ts";
import { makeSelector } from "../../selectors/selector.ts";
import type { Direction, NameCondition, Requirement, RuleAction, Selector } from "../../types.ts";
import type { DocumentNode } from "../node.ts";
import { parsePrefix } from "../peers/cidrs.ts";
import { boundedItems, onlyField } from "./fields.ts";
import { clusterOf, parseLabelSelector, podsOfNamespaces, requirementsOf } from "./selectors.ts";
import type { KubernetesScope } from "./types.ts";

const maxItems = 25;
const podFields = ["namespaces", "pods"] as const;
const peerFields: Readonly<Record<Direction, readonly string[]>> = {
  ingress: podFields,
  egress: [...podFields, "nodes", "networks", "domainNames"],
};
const domainPattern = /^(\*\.)?([a-z0-9]([-a-z0-9_]*[a-z0-9])?\.)+[a-z0-9]([-a-z0-9_]*[a-z0-9])?\.?$/i;
const otherNodes: Requirement = { source: "reserved", key: "remote-node", operator: "Exists", values: [] };

/** What a rule's peers may be depends on where it stands. */
export interface ClusterPeerContext {
  readonly direction: Direction;
  readonly action: RuleAction;
  readonly scope: KubernetesScope;
}

/** The peers of a rule. */
export interface ClusterPeers {
  readonly selectors: readonly Selector[];
  /** Those among them that are DNS names. */
  readonly names: readonly NameCondition[];
  /** The field of the first peer that can have no named ports. */
  readonly portless: string | undefined;
}

/** Reads `from` or `to`. Each item must have exactly one field. */
export function parseClusterPeers(node: DocumentNode, context: ClusterPeerContext): ClusterPeers {
  const selectors: Selector[] = [];
  const names: NameCondition[] = [];
  let portless: string | undefined;
  for (const item of boundedItems(node, maxItems)) {
    const [field, value] = onlyField(item, peerFields[context.direction], "peer-combination");
    if (field !== "namespaces" && field !== "pods") portless ??= field;
    if (field === "domainNames") names.push(...parseDomainNames(value, context.action));
    else selectors.push(...parsePeer(item, field, context.scope));
  }
  return { selectors: [...selectors, ...names.map(nameSelector)], names, portless };
}

/** The pods that an object's one field chooses: `namespaces`, or `pods` with a selector for each. */
export function parsePods(node: DocumentNode, scope: KubernetesScope): Selector {
  const namespaces = node.field("namespaces");
  const pods = node.field("pods");
  if (namespaces.present) return podsOfNamespaces(namespaces, pods, scope);
  pods.checkFields(["namespaceSelector", "podSelector"]);
  const podSelector = pods.field("podSelector");
  if (!podSelector.present) throw podSelector.fail("bad-selector", "a selector ({} for all pods)");
  return podsOfNamespaces(pods.field("namespaceSelector"), podSelector, scope);
}

function parsePeer(item: DocumentNode, field: string, scope: KubernetesScope): readonly Selector[] {
  const value = item.field(field);
  if (field === "nodes") return [parseNodes(value, scope)];
  if (field !== "networks") return [parsePods(item, scope)];
  return boundedItems(value, maxItems).map((network) => prefixSelector(parsePrefix(network)));
}

/** Other nodes by their labels, in the local cluster unless the selector names one. */
function parseNodes(node: DocumentNode, scope: KubernetesScope): Selector {
  if (!scope.nodeSelectorLabels) {
    const problem = `Field "${node.pathText}" needs identities of nodes (set enable-node-selector-labels)`;
    throw node.failWith("nodes-disabled", problem);
  }
  const labels = parseLabelSelector(node, "node");
  return makeSelector([...requirementsOf(labels), otherNodes, ...clusterOf(labels, scope)]);
}

/** `*.example` is every name below `example`, however deep: `**.example` in the terms of DNS rules. */
function parseDomainNames(node: DocumentNode, action: RuleAction): readonly NameCondition[] {
  if (action !== "allow") {
    throw node.failWith("bad-dns-name", `Field "${node.pathText}" is allowed in rules with action Accept only`);
  }
  return boundedItems(node, maxItems).map((item) => {
    const text = item.string("bad-dns-name");
    if (text.length > 255 || !domainPattern.test(text)) {
      throw item.fail("bad-dns-name", "a domain name such as example.com, or *.example.com for those below it");
    }
    const name = canonicalDnsName(text);
    return name.startsWith("*") ? { matchPattern: `*${name}` } : { matchName: name };
  });
}
