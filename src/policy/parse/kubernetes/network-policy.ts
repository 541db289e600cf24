// SPDX-License-Identifier: Apache-2.0
// NetworkPolicy of networking.k8s.io/v1, with the meaning that it has in Cilium, a little wider than in Kubernetes:
// see docs/policy.md.
import { makeSelector } from "../../selectors/selector.ts";
import { type Direction, type DirectionRule, directions, type Peer, type Rule } from "../../types.ts";
import type { DocumentNode } from "../node.ts";
import { scopeSubject } from "../scope.ts";
import { parseIpBlock } from "./addresses.ts";
import { parsePorts } from "./ports.ts";
import { parseLabelSelector, podsOfNamespace, podsOfNamespaces } from "./selectors.ts";
import type { KubernetesPolicyKind, KubernetesScope } from "./types.ts";

const policyTypeNames = { ingress: "Ingress", egress: "Egress" } as const satisfies Record<Direction, string>;
const peersField = { ingress: "from", egress: "to" } as const satisfies Record<Direction, string>;
const everybody = makeSelector([]);

export const networkPolicy = {
  kind: "NetworkPolicy",
  apiVersion: "networking.k8s.io/v1",
  namespaced: true,
  parseSpec: parseNetworkPolicy,
} satisfies KubernetesPolicyKind;

/** A spec that is missing is an empty one, as in Kubernetes: it isolates the pods of its namespace for ingress. */
function parseNetworkPolicy(spec: DocumentNode, scope: KubernetesScope): readonly Rule[] {
  if (spec.present) spec.checkFields(["podSelector", "policyTypes", "ingress", "egress"]);
  const types = parsePolicyTypes(spec.field("policyTypes"));
  const rules = (direction: Direction) => parseRules(spec, direction, types, scope);
  return [
    {
      path: "spec",
      subject: scopeSubject(parseLabelSelector(spec.field("podSelector")), scope),
      subjectKind: "endpoint",
      tier: "normal",
      priority: 0,
      ingress: rules("ingress"),
      egress: rules("egress"),
      defaultDeny: { ingress: true, egress: true },
      labels: [],
    },
  ];
}

function parsePolicyTypes(node: DocumentNode): ReadonlySet<Direction> {
  if (!node.present) return new Set();
  const items = node.items().map((item) => {
    const direction = directions.find((candidate) => policyTypeNames[candidate] === item.value);
    if (direction === undefined) throw item.fail("bad-type", `one of ${Object.values(policyTypeNames).join(", ")}`);
    return direction;
  });
  return new Set(items);
}

/** The rules of a direction, whether or not policyTypes has it; without any, the rule that only isolates. */
function parseRules(
  spec: DocumentNode,
  direction: Direction,
  types: ReadonlySet<Direction>,
  scope: KubernetesScope,
): readonly DirectionRule[] {
  const list = spec.field(direction);
  const rules = list.present
    ? list.items().map((item, index) => parseRule(item, direction, `${direction}[${index}]`, scope))
    : [];
  if (rules.length > 0) return rules;
  const isolates = types.has(direction) || (direction === "ingress" && !types.has("egress"));
  return isolates ? [{ section: "policyTypes", action: "allow", peers: [], toPorts: undefined }] : [];
}

function parseRule(node: DocumentNode, direction: Direction, section: string, scope: KubernetesScope): DirectionRule {
  const field = peersField[direction];
  node.checkFields([field, "ports"]);
  const peers = node.field(field).optionalItems();
  return {
    section,
    action: "allow",
    peers: peers.length === 0 ? [everybody] : peers.flatMap((item) => parsePeer(item, scope)),
    toPorts: parsePorts(node.field("ports"), section),
  };
}

/** One peer: pods, or a block of addresses. One without fields selects nobody. */
function parsePeer(node: DocumentNode, scope: KubernetesScope): readonly Peer[] {
  node.checkFields(["podSelector", "namespaceSelector", "ipBlock"]);
  const pods = node.field("podSelector");
  const namespaces = node.field("namespaceSelector");
  const block = node.field("ipBlock");
  const found: Peer[] = [];
  if (namespaces.present) found.push(podsOfNamespaces(namespaces, pods, scope));
  else if (pods.present) found.push(podsOfNamespace(pods, scope));
  if (block.present) found.push(parseIpBlock(block));
  return found;
}
