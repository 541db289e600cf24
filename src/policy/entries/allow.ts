// SPDX-License-Identifier: Apache-2.0
// Several rules that allow the same traffic: which of them is named, and which authentication it needs.

import type { Answer } from "./answer.ts";
import { redirectOf } from "./redirect.ts";
import type { CompiledRule, RulePort } from "./rules.ts";

/** A rule that matches some traffic, and with which of its ports. */
export interface Match {
  readonly rule: CompiledRule;
  readonly port: RulePort;
  /** Selectors through which it matches the peer; undefined: any peer. */
  readonly selectors: readonly string[] | undefined;
}

/** The allowing rules of one peer or of any peer on one prefix, merged as Cilium does. */
interface MergedEntry {
  /** Bits that the prefix names; -1 for every protocol. */
  readonly bits: number;
  precedence: number;
  /** Undefined: no rule of them says anything. */
  auth: number | undefined;
  first: CompiledRule;
}

/**
 * What rules in the normal tier that allow the same traffic make of it. A proxy comes before none, the one with the
 * lower priority first; then the rule with the most exact port, then one that names the peer, then the first one.
 * Authentication is what this rule says of it. If it says nothing: that of the most exact of the wider rules of its
 * kind (for the peer, or for any peer) that does, or the stricter one of the other kind if it decides as much.
 */
export function mergeAllows(matches: readonly Match[], defaultDeny: boolean): Omit<Answer, "verdict"> {
  const [only] = matches;
  if (matches.length === 1 && only !== undefined && only.rule.l7 === undefined) {
    return { cookie: only.rule.cookie, l7: undefined, auth: only.rule.auth ?? 0 };
  }
  const own = decidingEntry(matches.filter(({ selectors }) => selectors !== undefined));
  const any = decidingEntry(matches.filter(({ selectors }) => selectors === undefined));
  const [winner, other] = own === undefined || (any !== undefined && beats(any, own)) ? [any, own] : [own, any];
  if (winner === undefined) throw new Error("Cannot merge allows: there are none");
  const { first, precedence, auth, explicit } = winner;
  const stricter = !explicit && other?.precedence === precedence && other.auth > auth;
  return {
    cookie: first.cookie,
    l7: first.l7 === undefined ? undefined : redirectOf(first.l7, matches, defaultDeny),
    auth: stricter ? other.auth : auth,
  };
}

function beats(any: Winner, own: Winner): boolean {
  return any.precedence > own.precedence || (any.precedence === own.precedence && any.bits > own.bits);
}

interface Winner {
  readonly precedence: number;
  readonly bits: number;
  readonly auth: number;
  /** Whether the rule itself says so of authentication. */
  readonly explicit: boolean;
  readonly first: CompiledRule;
}

/** The entry that would decide among those of one identity: the most exact one that no wider one with a proxy hides. */
function decidingEntry(matches: readonly Match[]): Winner | undefined {
  if (matches.length === 0) return undefined;
  // From wide to narrow, so that each knows what covers it.
  const entries = mergeByPrefix(matches).sort((a, b) => a.bits - b.bits);
  let winner: Winner | undefined;
  let covering: number | undefined;
  for (const { bits, precedence, auth, first } of entries) {
    if (winner !== undefined && precedence < winner.precedence) {
      // Hidden by the wider one, but where it asks for authentication that stays.
      if (auth !== undefined) winner = { ...winner, bits, auth, explicit: true };
    } else {
      winner = { precedence, bits, auth: auth ?? covering ?? 0, explicit: auth !== undefined, first };
    }
    covering = auth ?? covering;
  }
  return winner;
}

function mergeByPrefix(matches: readonly Match[]): MergedEntry[] {
  const entries = new Map<number, MergedEntry>();
  for (const { rule, port } of matches) {
    const bits = port.protocol === 0 ? -1 : port.portPrefix;
    const precedence = rule.l7 === undefined ? 0 : 256 - rule.l7.priority;
    const entry = entries.get(bits);
    if (entry === undefined) {
      entries.set(bits, { bits, precedence, auth: rule.auth, first: rule });
      continue;
    }
    if (rule.auth !== undefined) entry.auth = Math.max(entry.auth ?? 0, rule.auth);
    if (precedence > entry.precedence || (precedence === entry.precedence && rule.order < entry.first.order)) {
      entry.precedence = precedence;
      entry.first = rule;
    }
  }
  return [...entries.values()];
}
