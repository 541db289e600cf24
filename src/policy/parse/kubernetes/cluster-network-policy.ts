// SPDX-License-Identifier: Apache-2.0
// ClusterNetworkPolicy of policy.networking.k8s.io/v1alpha2: administrators' rules, before and after everybody's own.
import { protocolsByName } from "../../protocols.ts";
import { makeSelector } from "../../selectors/selector.ts";
import type { Direction, DirectionRule, NameCondition, PolicyTier, Rule, RuleAction, Selector } from "../../types.ts";
import type { DocumentNode } from "../node.ts";
import { parseClusterPeers, parsePods } from "./cluster-peers.ts";
import { parseClusterProtocols } from "./cluster-protocols.ts";
import { boundedItems, oneOf, onlyField } from "./fields.ts";
import type { KubernetesPolicyKind, KubernetesScope } from "./types.ts";

const tiers = { Admin: "admin", Baseline: "baseline" } as const satisfies Record<string, PolicyTier>;
const actions = { Accept: "allow", Deny: "deny", Pass: "pass" } as const satisfies Record<string, RuleAction>;
const peersField = { ingress: "from", egress: "to" } as const satisfies Record<Direction, string>;
const clusterDns = makeSelector([{ source: "any", key: "k8s-app", operator: "In", values: ["kube-dns"] }]);
const dnsPorts = ["dns", "dns-tcp"];
const maxPriority = 1000;
const maxRules = 25;
const maxNameLength = 100;

export const clusterNetworkPolicy = {
  kind: "ClusterNetworkPolicy",
  apiVersion: "policy.networking.k8s.io/v1alpha2",
  namespaced: false,
  parseSpec: parseClusterNetworkPolicy,
} satisfies KubernetesPolicyKind;

function parseClusterNetworkPolicy(spec: DocumentNode, scope: KubernetesScope): readonly Rule[] {
  if (!spec.present) throw spec.fail("no-spec", "an object with tier, priority, subject and rules");
  spec.checkFields(["tier", "priority", "subject", "ingress", "egress"]);
  return [
    {
      path: "spec",
      subject: parseSubject(spec.field("subject"), scope),
      subjectKind: "endpoint",
      tier: oneOf(spec.field("tier"), tiers),
      priority: spec.field("priority").integer(0, maxPriority),
      ingress: parseRules(spec, "ingress", scope),
      egress: parseRules(spec, "egress", scope),
      // What no rule decides goes on to the next tier.
      defaultDeny: { ingress: false, egress: false },
      labels: [],
    },
  ];
}

/** Pods by their labels alone: a subject is an endpoint of this agent, so its cluster needs no saying. */
function parseSubject(node: DocumentNode, scope: KubernetesScope): Selector {
  if (!node.present) throw node.fail("no-subject", "an object with namespaces or pods");
  onlyField(node, ["namespaces", "pods"], "no-subject");
  return parsePods(node, { ...scope, peerCluster: undefined });
}

function parseRules(spec: DocumentNode, direction: Direction, scope: KubernetesScope): readonly DirectionRule[] {
  const list = spec.field(direction);
  if (!list.present || (Array.isArray(list.value) && list.value.length === 0)) return [];
  return boundedItems(list, maxRules).flatMap((item, index) =>
    parseRule(item, direction, `${direction}[${index}]`, scope),
  );
}

function parseRule(
  node: DocumentNode,
  direction: Direction,
  section: string,
  scope: KubernetesScope,
): readonly DirectionRule[] {
  const field = peersField[direction];
  node.checkFields(["name", "action", field, "protocols"]);
  checkName(node.field("name"));
  const action = oneOf(node.field("action"), actions);
  const { selectors, names, portless } = parseClusterPeers(node.field(field), { direction, action, scope });
  const toPorts = parseClusterProtocols(node.field("protocols"), { section, portless });
  const rule: DirectionRule = { section, action, peers: selectors, toPorts };
  return names.length === 0 ? [rule] : [dnsQuestions(names, `${section}.domainNames`), rule];
}

function checkName(node: DocumentNode): void {
  if (!node.present || node.string().length <= maxNameLength) return;
  throw node.fail("bad-type", `a name of at most ${maxNameLength} characters`);
}

/** Names need their questions seen: whoever may reach a name may ask the cluster's DNS for it. */
function dnsQuestions(names: readonly NameCondition[], section: string): DirectionRule {
  const ports = dnsPorts.map((name) => ({ protocols: protocolsByName.get("ANY") ?? [], first: 0, last: 0, name }));
  return {
    section,
    action: "allow",
    peers: [clusterDns],
    toPorts: [{ section, ports, l7: { parser: "dns", rules: names } }],
  };
}
