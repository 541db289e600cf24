// SPDX-License-Identifier: Apache-2.0
// What `endpoint get` says about an endpoint's policy: ports with the rules that they come from, and who made default deny.
import type { EndpointPolicy as EndpointPolicyModel, PolicyRuleStatus } from "../../../src/api/index.ts";
import type { ReadonlyTable } from "../../../src/core/index.ts";
import type { EndpointRow } from "../../../src/endpoint/index.ts";
import {
  type Direction,
  type DirectionRule,
  type PolicyEngine,
  type PolicyEntry,
  type PolicyRow,
  protocolName,
  type RuleOrigin,
  splitPolicyName,
} from "../../../src/policy/index.ts";
import { enforcement } from "./endpoint-model.ts";

/** Cilium's selector of everybody. */
const anyPeer = "&LabelSelector{MatchLabels:map[string]string{},MatchExpressions:[]LabelSelectorRequirement{},}";

/** What should be in force, and what the kernel has; without what the endpoint's row tells by itself. */
export interface PolicyModels {
  readonly spec?: Partial<EndpointPolicyModel>;
  readonly realized?: Partial<EndpointPolicyModel>;
}

export interface AttributionDeps {
  readonly engine: Pick<PolicyEngine, "resolveEndpoint" | "ruleOf" | "revision">;
  readonly policies: ReadonlyTable<PolicyRow, string>;
}

/** Of the rules behind an entry. */
type Told = (
  cookie: number,
) => { readonly labels: readonly string[]; readonly selectors: readonly string[] } | undefined;

/** By what the engine knows now; nothing for an endpoint without an identity. */
export function policyAttribution(deps: AttributionDeps, row: EndpointRow, auditMode: boolean): PolicyModels {
  const { engine } = deps;
  if (row.identity === undefined) return {};
  const resolved = engine.resolveEndpoint(row.identityLabels ?? row.labels, row.identity);
  const { entries, defaultDenyBy } = resolved;
  const of = (direction: Direction) => entries.filter((entry) => entry.direction === direction);
  const [ingress, egress] = [of("ingress"), of("egress")];
  const told = (cookie: number) => ruleOf(deps, cookie);
  const realized = {
    l4: { ingress: portsOf(ingress, told), egress: portsOf(egress, told) },
    // Rules about prefixes are among the others, by their selectors.
    "cidr-policy": { ingress: [], egress: [] },
    "default-deny-by": defaultDenyBy,
    "allowed-ingress-identities": identitiesOf(ingress, "allow"),
    "denied-ingress-identities": identitiesOf(ingress, "deny"),
    "allowed-egress-identities": identitiesOf(egress, "allow"),
    "denied-egress-identities": identitiesOf(egress, "deny"),
  };
  const enabled = enforcement(resolved, auditMode);
  return { spec: { ...realized, "policy-revision": engine.revision, "policy-enabled": enabled }, realized };
}

/** One item for each range of ports, with the rules that any peer's entry for it comes from. */
function portsOf(entries: readonly PolicyEntry[], told: Told): readonly PolicyRuleStatus[] {
  const ports = new Map<string, Set<number>>();
  for (const entry of entries) {
    const text = filterText(entry);
    const cookies = ports.get(text);
    if (cookies === undefined) ports.set(text, new Set([entry.cookie]));
    else cookies.add(entry.cookie);
  }
  return Array.from(ports, ([rule, cookies]) => {
    const rules = [...cookies].flatMap((cookie) => told(cookie) ?? []);
    const uses = rules.flatMap(({ labels, selectors }) => selectors.map((selector) => ({ selector, labels })));
    const bySelector = Map.groupBy(uses, ({ selector }) => selector);
    return {
      rule,
      "derived-from-rules": rules.map(({ labels }) => labels),
      "rules-by-selector": Object.fromEntries(
        Array.from(bySelector, ([selector, users]) => [selector, users.map(({ labels }) => labels)]),
      ),
    };
  });
}

/** The JSON of Cilium's filters: a port (of ICMP the type), and where the range ends if it is one. */
function filterText({ port, portPrefix, protocol }: PolicyEntry): string {
  const end = port + 2 ** (16 - portPrefix) - 1;
  const range = portPrefix === 0 || end === port ? {} : { endPort: end };
  return JSON.stringify({ port, ...range, protocol: protocol === 0 ? "ANY" : protocolName(protocol) });
}

function ruleOf({ engine, policies }: AttributionDeps, cookie: number): ReturnType<Told> {
  const origin = engine.ruleOf(cookie);
  if (origin === undefined || origin.policy === "") return undefined;
  const { namespace, name } = splitPolicyName(origin.policy);
  const rules = policies.get(`${origin.kind}/${namespace}/${name}`)?.rules ?? [];
  const rule = rules
    .flatMap((each) => each[origin.direction])
    .find(({ section }) => origin.section === section || origin.section.startsWith(`${section}.`));
  return { labels: labelsOf(origin), selectors: rule === undefined ? [] : peersOf(rule) };
}

/** Selectors of the rule's peers; of a group or service its name. */
function peersOf({ peers }: DirectionRule): readonly string[] {
  if (peers === undefined) return [anyPeer];
  return peers.map((peer) => {
    if (!("kind" in peer)) return peer.text;
    return "selector" in peer ? `${peer.kind} ${peer.selector.text}` : `${peer.kind} ${peer.name}`;
  });
}

/** Cilium's labels of a rule, and one more for its place in the policy. */
function labelsOf({ kind, policy, section }: RuleOrigin): readonly string[] {
  const { namespace, name } = splitPolicyName(policy);
  return [
    `k8s:io.cilium.k8s.policy.derived-from=${kind}`,
    `k8s:io.cilium.k8s.policy.name=${name}`,
    ...(namespace === "" ? [] : [`k8s:io.cilium.k8s.policy.namespace=${namespace}`]),
    `k8s:io.cilium.k8s.policy.section=${section}`,
  ];
}

/** Rising; 0 is anybody. */
function identitiesOf(entries: readonly PolicyEntry[], verdict: PolicyEntry["verdict"]): readonly number[] {
  const ids = entries.filter((entry) => entry.verdict === verdict).map(({ identity }) => identity);
  return [...new Set(ids)].sort((a, b) => a - b);
}
