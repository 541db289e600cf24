// SPDX-License-Identifier: Apache-2.0
// A policy's rules in the form that endpoints share: flat, each with the section that names it.
import type {
  Direction,
  DirectionRule,
  ParsedPolicy,
  PeerReference,
  PortMatch,
  Rule,
  RuleOrigin,
  Selector,
} from "../types.ts";

/** Selectors that a reference stands for now; none when what it names is not there. */
export type PeerLookup = (reference: PeerReference) => readonly Selector[];

/** Peers and ports that one section allows together. */
export interface ResolvedRule {
  readonly origin: RuleOrigin;
  /** Undefined: any peer. Never empty. */
  readonly peers: readonly Selector[] | undefined;
  /** Undefined: everything, ICMP too. Never empty. */
  readonly ports: readonly PortMatch[] | undefined;
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
  /** `namespace/name`. */
  readonly policy: string;
  /** Position among the policy's specs. */
  readonly index: number;
  readonly subject: Selector;
  readonly ingress: UnitDirection;
  readonly egress: UnitDirection;
}

const nobody: PeerLookup = () => [];

/** All specs of a policy, in order, with its references looked up. */
export function unitsOf(policy: ParsedPolicy, lookUp: PeerLookup = nobody): readonly RuleUnit[] {
  const name = `${policy.namespace}/${policy.name}`;
  return policy.rules.map((rule, index) => ({
    policy: name,
    index,
    subject: rule.subject,
    ingress: unitDirection(policy, rule, "ingress", lookUp),
    egress: unitDirection(policy, rule, "egress", lookUp),
  }));
}

function unitDirection(policy: ParsedPolicy, rule: Rule, direction: Direction, lookUp: PeerLookup): UnitDirection {
  const rules = rule[direction].flatMap((item) =>
    flatten(item, lookUp, (section) => originOf(policy, rule, direction, section)),
  );
  return { present: rule[direction].length > 0, defaultDeny: rule.defaultDeny[direction], rules };
}

/**
 * A rule without peers and without ports allows nothing. So do an empty list of peers, also beside ports, and a
 * toPorts item without ports, also beside peers.
 */
function flatten(
  rule: DirectionRule,
  lookUp: PeerLookup,
  origin: (section: string) => RuleOrigin,
): readonly ResolvedRule[] {
  const { toPorts } = rule;
  const peers = rule.peers?.flatMap((peer) => ("kind" in peer ? lookUp(peer) : [peer]));
  if (peers?.length === 0) return [];
  if (toPorts === undefined) {
    return peers === undefined ? [] : [{ origin: origin(rule.section), peers, ports: undefined }];
  }
  return toPorts
    .filter(({ ports }) => ports.length > 0)
    .map(({ section, ports }) => ({ origin: origin(section), peers, ports }));
}

function originOf(policy: ParsedPolicy, rule: Rule, direction: Direction, section: string): RuleOrigin {
  return {
    policy: `${policy.namespace}/${policy.name}`,
    kind: policy.kind,
    direction,
    section,
    ...(rule.description === undefined ? {} : { description: rule.description }),
  };
}
