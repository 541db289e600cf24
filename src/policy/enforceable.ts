// SPDX-License-Identifier: Apache-2.0
// What an agent cannot enforce yet, though the simulator evaluates it: such a policy is refused, never enforced in part.
import { PolicyParseError, type PolicySource } from "./errors.ts";
import { policyName } from "./names.ts";
import type { DirectionRule, ParsedPolicy, PortRule } from "./types.ts";

/** Throws PolicyParseError (reason `not-supported`) naming the first section that cannot be enforced, and why. */
export function checkEnforceable(policy: ParsedPolicy, origin?: string, { hostFirewall = false } = {}): void {
  for (const rule of policy.rules) {
    if (rule.subjectKind === "node" && !hostFirewall) refuseNodes(policy, rule.path, origin);
    for (const item of [...rule.ingress, ...rule.egress]) {
      if (item.emptyPeers !== undefined && item.peers === undefined && item.toPorts !== undefined) {
        refuseAnybody(policy, item, origin);
      }
      const found = unenforceable(item);
      if (found !== undefined) refuse(policy, found.section, found.what, origin);
    }
  }
}

function unenforceable(rule: DirectionRule): { readonly section: string; readonly what: string } | undefined {
  const { section } = rule;
  if (rule.peers?.some((peer) => !("kind" in peer) && peer.fqdn !== undefined) === true) {
    return { section, what: "peers by DNS name" };
  }
  if (rule.authentication === "required" || rule.authentication === "test-always-fail") {
    return { section: `${section}.authentication`, what: "mutual authentication" };
  }
  for (const item of rule.toPorts ?? []) {
    const what = unenforceablePorts(item);
    if (what !== undefined) return { section: item.section, what };
  }
  return undefined;
}

function unenforceablePorts(item: PortRule): string | undefined {
  if (item.l7 !== undefined) return `rules about requests (${item.l7.parser})`;
  if (item.listener !== undefined) return "listeners";
  if (item.serverNames !== undefined) return "TLS server names";
  return item.tls === undefined ? undefined : "TLS";
}

/** Where nobody would enforce it, a policy that seems to protect nodes is worse than none. */
function refuseNodes(policy: ParsedPolicy, section: string, origin?: string): never {
  const remedy = "start the agents with --enable-host-firewall";
  refuseFor(policy, `Section "${section}" cannot be enforced: the host firewall is off (${remedy})`, origin);
}

/** Cilium takes such a rule for one about anybody, whom its author hardly meant. */
function refuseAnybody(policy: ParsedPolicy, { section, emptyPeers }: DirectionRule, origin?: string): never {
  const remedy = "name somebody, or leave it out where anybody is meant";
  refuseFor(policy, `Section "${section}.${emptyPeers}" is an empty list, which would be anybody (${remedy})`, origin);
}

function refuse(policy: ParsedPolicy, section: string, what: string, origin?: string): never {
  const problem = `Section "${section}" cannot be enforced: ${what} come later ("cilium policy simulate" evaluates them)`;
  refuseFor(policy, problem, origin);
}

function refuseFor(policy: ParsedPolicy, problem: string, origin?: string): never {
  const source: PolicySource = {
    policy: policyName(policy),
    ...(origin === undefined ? {} : { origin }),
  };
  throw new PolicyParseError({ reason: "not-supported", path: [], problem }, source);
}
