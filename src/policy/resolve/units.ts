// SPDX-License-Identifier: Apache-2.0
// A policy's rules in the form that endpoints share: flat, each with the section that names it.
import { policyName } from "../names.ts";
import type {
  AuthenticationMode,
  Direction,
  DirectionRule,
  ParsedPolicy,
  PeerReference,
  PolicyTier,
  PortMatch,
  PortRule,
  Rule,
  RuleAction,
  RuleOrigin,
  Selector,
} from "../types.ts";
import { type L7Request, l7RequestOf } from "./l7.ts";

/** Selectors that a reference stands for now; none when what it names is not there. */
export type PeerLookup = (reference: PeerReference) => readonly Selector[];

/** `audited`: what it alone denies passes; `staged`: its verdict is only computed. */
export type PolicyStage = "enforced" | "audited" | "staged";

/** Peers and ports that one section speaks of together. */
export interface ResolvedRule {
  readonly origin: RuleOrigin;
  readonly action: RuleAction;
  /** Undefined: any peer. Never empty. */
  readonly peers: readonly Selector[] | undefined;
  /** Undefined: everything, ICMP too. Never empty. */
  readonly ports: readonly PortMatch[] | undefined;
  readonly tier: PolicyTier;
  readonly stage: PolicyStage;
  readonly authentication?: AuthenticationMode;
  readonly l7?: L7Request;
}

/** What a spec says about one direction. */
export interface UnitDirection {
  /** Whether it has a rule, also one that allows nothing. */
  readonly present: boolean;
  readonly defaultDeny: boolean;
  readonly rules: readonly ResolvedRule[];
}

/** One spec of a policy. */
export interface RuleUnit {
  /** `namespace/name`, or the name of a clusterwide one. */
  readonly policy: string;
  /** Position in the order of all specs, with `index`. */
  readonly sortKey: string;
  /** Position among the policy's specs. */
  readonly index: number;
  readonly subject: Selector;
  readonly subjectKind: Rule["subjectKind"];
  readonly tier: PolicyTier;
  readonly priority: number;
  readonly stage: PolicyStage;
  readonly ingress: UnitDirection;
  readonly egress: UnitDirection;
}

const nobody: PeerLookup = () => [];
/** Cilium's short names of kinds, which decide the order of policies. */
const kindOrder: ReadonlyMap<string, string> = new Map([
  ["CiliumClusterwideNetworkPolicy", "ccnp"],
  ["CiliumNetworkPolicy", "cnp"],
  ["NetworkPolicy", "netpol"],
]);

/** All specs of a policy, in order, with its references looked up. */
export function unitsOf(policy: ParsedPolicy, lookUp: PeerLookup = nobody): readonly RuleUnit[] {
  const name = policyName(policy);
  const stage: PolicyStage = policy.staged ? "staged" : policy.audit ? "audited" : "enforced";
  return policy.rules.map((rule, index) => ({
    policy: name,
    sortKey: `${kindOrder.get(policy.kind) ?? policy.kind}/${policy.namespace}/${policy.name}`,
    index,
    subject: rule.subject,
    subjectKind: rule.subjectKind,
    tier: rule.tier,
    priority: rule.priority,
    stage,
    ingress: unitDirection({ policy, rule, stage, lookUp }, "ingress"),
    egress: unitDirection({ policy, rule, stage, lookUp }, "egress"),
  }));
}

interface Unit {
  readonly policy: ParsedPolicy;
  readonly rule: Rule;
  readonly stage: PolicyStage;
  readonly lookUp: PeerLookup;
}

function unitDirection({ policy, rule, stage, lookUp }: Unit, direction: Direction): UnitDirection {
  const common = { tier: rule.tier, stage };
  const rules = rule[direction].flatMap((item) =>
    flatten(item, lookUp, (section) => ({ ...common, origin: originOf(policy, rule, direction, section) })),
  );
  return { present: rule[direction].length > 0, defaultDeny: rule.defaultDeny[direction], rules };
}

/**
 * A rule without peers and without ports says nothing. So do an empty list of peers, also beside ports, and a toPorts
 * item without ports, also beside peers. A peer that everybody is stands for any peer.
 */
function flatten(
  rule: DirectionRule,
  lookUp: PeerLookup,
  common: (section: string) => Pick<ResolvedRule, "origin" | "tier" | "stage">,
): readonly ResolvedRule[] {
  const { action, authentication, section, toPorts } = rule;
  const named = rule.peers?.flatMap((peer) => ("kind" in peer ? lookUp(peer) : [peer]));
  if (named?.length === 0) return [];
  const peers = named?.some(selectsEverybody) === true ? undefined : named;
  const shared = { action, peers, ...(authentication === undefined ? {} : { authentication }) };
  if (toPorts === undefined) return named === undefined ? [] : [{ ...common(section), ...shared, ports: undefined }];
  return toPorts
    .filter(({ ports }) => ports.length > 0)
    .map((item) => ({ ...common(item.section), ...shared, ports: item.ports, ...requestOf(rule, item) }));
}

function requestOf({ action }: DirectionRule, item: PortRule): { readonly l7?: L7Request } {
  const l7 = action === "allow" ? l7RequestOf(item) : undefined;
  return l7 === undefined ? {} : { l7 };
}

function selectsEverybody({ requirements, prefix, fqdn }: Selector): boolean {
  return requirements.length === 0 && prefix === undefined && fqdn === undefined;
}

function originOf(policy: ParsedPolicy, rule: Rule, direction: Direction, section: string): RuleOrigin {
  return {
    policy: policyName(policy),
    kind: policy.kind,
    direction,
    section,
    ...(rule.description === undefined ? {} : { description: rule.description }),
  };
}
