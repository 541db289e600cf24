// SPDX-License-Identifier: Apache-2.0
// Rules with cached selectors and port prefixes, as entries are made from them.

import type { L7Request } from "../resolve/l7.ts";
import { numbersOf, type Reading, type ResolvedDirection } from "../resolve/resolve.ts";
import type { PolicyStage, ResolvedRule } from "../resolve/units.ts";
import type { CachedSelector, SelectorCache } from "../selectors/cache.ts";
import type { NamedPort, PolicyTier, PortMatch, RuleAction } from "../types.ts";
import { type CookieRegistry, cookieHost } from "./cookies.ts";
import { anyPort, type PortPrefix, portRangeToPrefixes } from "./ports.ts";

/** A rule's ports of one `ports` item and protocol. Cilium merges rules of equal items only. */
export interface RulePort extends PortPrefix {
  /** Equal for equal items: `6/80-80/`; empty for every protocol and port. */
  readonly item: string;
}

export interface CompiledRule {
  /** Position among the direction's rules. */
  readonly order: number;
  readonly cookie: number;
  readonly action: RuleAction;
  readonly tier: PolicyTier;
  readonly stage: PolicyStage;
  /** Undefined: any peer. */
  readonly selectors: readonly CachedSelector[] | undefined;
  readonly ports: readonly RulePort[];
  /** Ports by name, whose numbers each peer has. */
  readonly names: readonly PortMatch[];
  readonly l7: L7Request | undefined;
  /** Number of `authType`; undefined: the rule says nothing of authentication. */
  readonly auth: number | undefined;
}

/** All rules of a direction, in order. */
export interface RuleSet {
  readonly rules: readonly CompiledRule[];
  readonly real: Reading;
  readonly unaudited: Reading | undefined;
  readonly staged: Reading | undefined;
}

/** The local host's standing right, as the last of all rules in force. */
export const hostRule: CompiledRule = {
  order: Number.MAX_SAFE_INTEGER,
  cookie: cookieHost,
  action: "allow",
  tier: "normal",
  stage: "enforced",
  selectors: [],
  ports: [{ ...anyPort, item: "" }],
  names: [],
  l7: undefined,
  auth: undefined,
};

const authTypes = { disabled: 0, required: 1, "test-always-fail": 2 } as const;

/** Compiles a resolved direction. Selectors that are not in the cache select nobody. */
export function compileRules(resolved: ResolvedDirection, cache: SelectorCache, cookies: CookieRegistry): RuleSet {
  const rules = resolved.enforced ? resolved.rules.map((rule, order) => compileRule(rule, order, cache, cookies)) : [];
  const { real, unaudited, staged } = resolved;
  return { rules, real, unaudited, staged };
}

function compileRule(rule: ResolvedRule, order: number, cache: SelectorCache, cookies: CookieRegistry): CompiledRule {
  const { action, authentication, l7, origin, peers, ports, stage, tier } = rule;
  return {
    order,
    cookie: cookies.cookieOf(origin),
    action,
    tier,
    stage,
    selectors: peers?.flatMap((peer) => cache.get(peer) ?? []),
    ports: ports === undefined ? [{ ...anyPort, item: "" }] : portsOf(ports.filter(({ name }) => name === undefined)),
    names: ports?.filter(({ name }) => name !== undefined) ?? [],
    l7,
    auth: authentication === undefined ? undefined : authTypes[authentication],
  };
}

/** Everything that a rule says of a peer with these named ports. */
export function portsFor({ ports, names }: CompiledRule, named: readonly NamedPort[]): readonly RulePort[] {
  if (names.length === 0) return ports;
  const resolved = names.flatMap((match) =>
    portsOf(numbersOf(match, named)).map((port) => ({ ...port, item: `${port.protocol}/${match.name}` })),
  );
  return [...ports, ...resolved];
}

function portsOf(matches: readonly PortMatch[]): RulePort[] {
  return matches.flatMap(({ protocols, first, last }) =>
    protocols.flatMap((protocol) => {
      const item = `${protocol}/${first}-${last}`;
      return portRangeToPrefixes(protocol, first, last).map((prefix) => ({ ...prefix, item }));
    }),
  );
}
