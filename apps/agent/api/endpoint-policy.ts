// SPDX-License-Identifier: Apache-2.0
// What `endpoint get` says about an endpoint's policy: ports with the rules that they come from, and who made default deny.
import type { EndpointPolicy as EndpointPolicyModel, PolicyRuleStatus } from "../../../src/api/index.ts";
import type { EndpointRow } from "../../../src/endpoint/index.ts";
import {
  type Direction,
  formatPortPrefix,
  type PolicyEngine,
  type PolicyEntry,
  protocolName,
  type RuleOrigin,
  splitPolicyName,
} from "../../../src/policy/index.ts";

type Attribution = Pick<
  EndpointPolicyModel,
  | "l4"
  | "default-deny-by"
  | "allowed-ingress-identities"
  | "denied-ingress-identities"
  | "allowed-egress-identities"
  | "denied-egress-identities"
>;

/** By what the engine knows now; nothing for an endpoint without an identity. */
export function policyAttribution(
  engine: Pick<PolicyEngine, "resolveEndpoint" | "ruleOf">,
  row: EndpointRow,
): Attribution {
  if (row.identity === undefined) return {};
  const { entries, defaultDenyBy } = engine.resolveEndpoint(row.identityLabels ?? row.labels, row.identity);
  const of = (direction: Direction) => entries.filter((entry) => entry.direction === direction);
  const [ingress, egress] = [of("ingress"), of("egress")];
  const ruleOf = (cookie: number) => engine.ruleOf(cookie);
  return {
    l4: { ingress: portsOf(ingress, ruleOf), egress: portsOf(egress, ruleOf) },
    "default-deny-by": defaultDenyBy,
    "allowed-ingress-identities": identitiesOf(ingress, "allow"),
    "denied-ingress-identities": identitiesOf(ingress, "deny"),
    "allowed-egress-identities": identitiesOf(egress, "allow"),
    "denied-egress-identities": identitiesOf(egress, "deny"),
  };
}

/** One item for each range of ports, with the rules that any peer's entry for it comes from. */
function portsOf(
  entries: readonly PolicyEntry[],
  ruleOf: (cookie: number) => RuleOrigin | undefined,
): readonly PolicyRuleStatus[] {
  const ports = new Map<string, Set<number>>();
  for (const entry of entries) {
    const text = formatPortPrefix(entry, protocolName);
    const cookies = ports.get(text);
    if (cookies === undefined) ports.set(text, new Set([entry.cookie]));
    else cookies.add(entry.cookie);
  }
  return Array.from(ports, ([text, cookies]) => ({
    rule: JSON.stringify({ ports: text }),
    "derived-from-rules": [...cookies].flatMap((cookie) => {
      const rule = ruleOf(cookie);
      return rule === undefined || rule.policy === "" ? [] : [labelsOf(rule)];
    }),
  }));
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
