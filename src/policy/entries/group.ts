// SPDX-License-Identifier: Apache-2.0
// The entries of one peer, or of any peer, in one direction: as few as give every port the answer of the rules.
import type { PolicyEntry, PortEntry } from "../types.ts";
import type { Match } from "./allow.ts";
import { type Answer, answerOf } from "./answer.ts";
import { type PortPrefix, packCovering, packPort } from "./ports.ts";
import type { CompiledRule, RulePort, RuleSet } from "./rules.ts";

/** An entry of any identity with equal rules. */
export type EntryTemplate = PortEntry;
/** Entries by packed port. */
export type Templates = ReadonlyMap<number, EntryTemplate>;

/** A rule with what it says of one peer. */
export interface PeerRule {
  readonly rule: CompiledRule;
  readonly ports: readonly RulePort[];
  /** As in Match. */
  readonly selectors: readonly string[] | undefined;
}

/** Matches by the packed port of their prefix, and how many bits their prefixes have. */
export class MatchIndex {
  readonly matches = new Map<number, Match[]>();
  readonly prefixes = new Map<number, PortPrefix>();
  /** Distinct numbers of bits, rising; -1 is every protocol. */
  readonly widths: readonly number[];

  constructor(rules: Iterable<PeerRule>) {
    const widths = new Set<number>();
    for (const { rule, ports, selectors } of rules) {
      for (const port of ports) {
        const key = packPort(port);
        const present = this.matches.get(key);
        if (present !== undefined) present.push({ rule, port, selectors });
        else {
          this.matches.set(key, [{ rule, port, selectors }]);
          this.prefixes.set(key, port);
          widths.add(bitsOf(port));
        }
      }
    }
    this.widths = [...widths].sort((a, b) => a - b);
  }

  /** Adds all matches of prefixes that cover this one, itself too. Returns whether there are any. */
  collect(prefix: PortPrefix, into: Match[]): boolean {
    const before = into.length;
    const bits = bitsOf(prefix);
    for (const width of this.widths) {
      if (width > bits) break;
      const found = this.matches.get(coveringKey(prefix, width));
      if (found !== undefined) for (const match of found) into.push(match);
    }
    return into.length > before;
  }
}

/** Stands for a proxy that is not there yet: the programs drop what should go to it. */
const noProxy = 1;
const everything: PortPrefix = { protocol: 0, port: 0, portPrefix: 0 };

/** Entries for any peer. Where traffic without a rule is not simply denied there is a catch-all. */
export function anyPeerTemplates(set: RuleSet, any: MatchIndex): Templates {
  const prefixes = new Map(any.prefixes);
  if (!any.matches.has(0)) prefixes.set(0, everything);
  return templatesOf(set, { prefixes, own: undefined, any, anyPeer: new Map() });
}

/** Entries for a peer of which these rules speak, beside those for any peer. */
export function peerTemplates(set: RuleSet, own: MatchIndex, any: MatchIndex, anyPeer: Templates): Templates {
  return templatesOf(set, { prefixes: new Map([...own.prefixes, ...any.prefixes]), own, any, anyPeer });
}

interface Group {
  /** All that any of the rules names. */
  readonly prefixes: ReadonlyMap<number, PortPrefix>;
  /** Rules that name the peer; undefined: it is any peer. */
  readonly own: MatchIndex | undefined;
  /** Rules for any peer, and the entries that they made. */
  readonly any: MatchIndex;
  readonly anyPeer: Templates;
}

/**
 * From wide to narrow prefixes, each gets the answer of all rules whose prefixes cover it; where the look-up gives that
 * answer already (a wider entry of the peer, else the entries for any peer), no entry is needed.
 */
function templatesOf(set: RuleSet, { prefixes, own, any, anyPeer }: Group): Templates {
  const kept = new Map<number, EntryTemplate>();
  const sorted = [...prefixes].sort(([, a], [, b]) => bitsOf(a) - bitsOf(b));
  for (const [key, prefix] of sorted) {
    const matches: Match[] = [];
    if (own !== undefined && !own.collect(prefix, matches)) continue;
    any.collect(prefix, matches);
    const template = templateOf(set, prefix, matches);
    const present = covering(kept, prefix) ?? covering(anyPeer, prefix);
    if (present === undefined ? !saysNothing(template) : !sameAnswer(present, template)) kept.set(key, template);
  }
  return kept;
}

function templateOf(
  set: RuleSet,
  { protocol, port, portPrefix }: PortPrefix,
  matches: readonly Match[],
): EntryTemplate {
  const { verdict, cookie, l7, auth } = answerOf(matches, set.real);
  const audited =
    verdict === "deny" && set.unaudited !== undefined && answerOf(matches, set.unaudited).verdict === "allow";
  const staged = set.staged === undefined ? undefined : stagedOf(answerOf(matches, set.staged));
  return {
    protocol,
    port,
    portPrefix,
    verdict: audited ? "audit" : verdict,
    cookie,
    proxyPort: l7 === undefined ? 0 : noProxy,
    authType: auth,
    ...(cookie === 0 ? { isDefault: true } : {}),
    ...(l7 === undefined ? {} : { l7 }),
    ...(staged === undefined ? {} : { staged }),
  };
}

function stagedOf({ verdict, cookie }: Answer): NonNullable<PolicyEntry["staged"]> {
  return { verdict: verdict === "deny" && cookie === 0 ? "default-deny" : verdict, cookie };
}

/** Whether traffic without any entry is treated so. */
function saysNothing({ verdict, isDefault, staged }: EntryTemplate): boolean {
  return verdict === "deny" && isDefault === true && staged === undefined;
}

/** Whether traffic is treated equally; another rule may be named. */
function sameAnswer(a: EntryTemplate, b: EntryTemplate): boolean {
  return (
    a.verdict === b.verdict &&
    a.isDefault === b.isDefault &&
    a.authType === b.authType &&
    a.l7?.text === b.l7?.text &&
    a.staged?.verdict === b.staged?.verdict
  );
}

/** The entry of the longest prefix that covers this one. */
function covering(templates: Templates, prefix: PortPrefix): EntryTemplate | undefined {
  if (templates.size === 0) return undefined;
  for (let bits = bitsOf(prefix); bits >= -1; bits--) {
    const template = templates.get(coveringKey(prefix, bits));
    if (template !== undefined) return template;
  }
  return undefined;
}

function coveringKey({ protocol, port }: PortPrefix, bits: number): number {
  return bits < 0 ? 0 : packCovering(protocol, port, bits);
}

function bitsOf({ protocol, portPrefix }: PortPrefix): number {
  return protocol === 0 ? -1 : portPrefix;
}
