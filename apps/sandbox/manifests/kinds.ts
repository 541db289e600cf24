// SPDX-License-Identifier: Apache-2.0
// The kinds of objects that a sandbox takes: one entry a kind.
import type { ResourceRow } from "../../../src/kubernetes/index.ts";
import { checkEnforceable, parseCidrGroup, parsePolicy } from "../../../src/policy/index.ts";
import { checkShape } from "./check.ts";
import { deploymentShape, namespaceShape, nodeShape, podShape, serviceShape } from "./shapes.ts";

export interface Kind {
  readonly kind: string;
  readonly apiVersions: readonly string[];
  /** As `get` takes it, in lower case: plural, singular, short. */
  readonly names: readonly string[];
  /** As apply and remove print it: "pod", "deployment.apps". */
  readonly printed: string;
  readonly namespaced: boolean;
  /** Whether every node's agent gets the object; pods go to their own node alone. */
  readonly toAgents: boolean;
  /** Throws an error that names origin, path, what was found and expected. */
  readonly check: (row: ResourceRow) => void;
}

/** Whether fromNodes and policies for nodes may be used is the agents' configuration. */
const policy = (row: ResourceRow): void => {
  const parsed = parsePolicy(row.object, { origin: row.origin, nodeSelectorLabels: true });
  checkEnforceable(parsed, row.origin, { hostFirewall: true });
};

export const kinds: readonly Kind[] = [
  {
    kind: "Namespace",
    apiVersions: ["v1"],
    names: ["namespaces", "namespace", "ns"],
    printed: "namespace",
    namespaced: false,
    toAgents: true,
    check: (row) => checkShape(row, namespaceShape),
  },
  {
    kind: "Node",
    apiVersions: ["v1"],
    names: ["nodes", "node", "no"],
    printed: "node",
    namespaced: false,
    toAgents: true,
    check: (row) => checkShape(row, nodeShape),
  },
  {
    kind: "Pod",
    apiVersions: ["v1"],
    names: ["pods", "pod", "po"],
    printed: "pod",
    namespaced: true,
    toAgents: false,
    check: (row) => checkShape(row, podShape),
  },
  {
    kind: "Deployment",
    apiVersions: ["apps/v1"],
    names: ["deployments", "deployment", "deploy"],
    printed: "deployment.apps",
    namespaced: true,
    toAgents: false,
    check: (row) => checkShape(row, deploymentShape),
  },
  {
    kind: "Service",
    apiVersions: ["v1"],
    names: ["services", "service", "svc"],
    printed: "service",
    namespaced: true,
    toAgents: true,
    check: (row) => checkShape(row, serviceShape),
  },
  {
    kind: "NetworkPolicy",
    apiVersions: ["networking.k8s.io/v1"],
    names: ["networkpolicies", "networkpolicy", "netpol"],
    printed: "networkpolicy.networking.k8s.io",
    namespaced: true,
    toAgents: true,
    check: policy,
  },
  {
    kind: "CiliumNetworkPolicy",
    apiVersions: ["cilium.io/v2"],
    names: ["ciliumnetworkpolicies", "ciliumnetworkpolicy", "cnp", "ciliumnp"],
    printed: "ciliumnetworkpolicy.cilium.io",
    namespaced: true,
    toAgents: true,
    check: policy,
  },
  {
    kind: "CiliumClusterwideNetworkPolicy",
    apiVersions: ["cilium.io/v2"],
    names: ["ciliumclusterwidenetworkpolicies", "ciliumclusterwidenetworkpolicy", "ccnp"],
    printed: "ciliumclusterwidenetworkpolicy.cilium.io",
    namespaced: false,
    toAgents: true,
    check: policy,
  },
  {
    kind: "ClusterNetworkPolicy",
    apiVersions: ["policy.networking.k8s.io/v1alpha2"],
    names: ["clusternetworkpolicies", "clusternetworkpolicy", "cnetpol"],
    printed: "clusternetworkpolicy.policy.networking.k8s.io",
    namespaced: false,
    toAgents: true,
    check: policy,
  },
  {
    kind: "CiliumCIDRGroup",
    apiVersions: ["cilium.io/v2", "cilium.io/v2alpha1"],
    names: ["ciliumcidrgroups", "ciliumcidrgroup", "ccg"],
    printed: "ciliumcidrgroup.cilium.io",
    namespaced: false,
    toAgents: true,
    check: (row) => void parseCidrGroup(row.object, row.origin),
  },
];

export const policyKinds: ReadonlySet<string> = new Set(
  kinds.filter((kind) => kind.check === policy).map((kind) => kind.kind),
);

const byKind = new Map(kinds.map((kind) => [kind.kind, kind]));
const byName = new Map(kinds.flatMap((kind) => kind.names.map((name) => [name, kind] as const)));

export const kindOf = (kind: string): Kind | undefined => byKind.get(kind);
/** By what a user types: "pods", "po", "Pod". */
export const kindByName = (name: string): Kind | undefined => byName.get(name.toLowerCase());
