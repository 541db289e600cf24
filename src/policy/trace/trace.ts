// SPDX-License-Identifier: Apache-2.0
// One side of one flow, step by step: who is selected, which rules were asked, which of them decided.

import { type DropQuestion, missingFields, type NearestMissField, type RemotePeer } from "../engine/explain.ts";
import type { Decision } from "../entries/decide.ts";
import type { ResolvedPolicy } from "../resolve/resolve.ts";
import type { PolicyStage, ResolvedRule } from "../resolve/units.ts";
import type { Direction, L7Redirect, PolicyTier, RuleAction, RuleOrigin, StagedVerdict, Verdict } from "../types.ts";

/** A rule that was asked. */
export interface TracedRule {
  readonly rule: RuleOrigin;
  readonly action: RuleAction;
  readonly tier: PolicyTier;
  readonly stage: PolicyStage;
  /** What would have to be otherwise for it to speak of the flow; empty: it does. */
  readonly missing: readonly NearestMissField[];
  readonly decided: boolean;
}

/** A policy's spec that selects the side. */
export interface TracedPolicy {
  /** `namespace/name`. */
  readonly policy: string;
  readonly tier: PolicyTier;
  readonly priority: number;
  readonly stage: PolicyStage;
  /** Whether its rules of the direction make what nobody allows denied. */
  readonly defaultDeny: boolean;
}

/** The egress of a flow's source, or the ingress of its destination. */
export interface SideTrace {
  readonly direction: Direction;
  readonly localIdentity: number;
  readonly remoteIdentity: number;
  /** Whether rules decide; otherwise everything is allowed. */
  readonly enforced: boolean;
  /** Those with rules for the direction, in the order in which they are asked. */
  readonly policies: readonly TracedPolicy[];
  readonly rules: readonly TracedRule[];
  readonly verdict: Verdict | "redirect";
  /** Absent: none; then it is a default deny, or nothing is enforced. */
  readonly rule?: RuleOrigin;
  readonly defaultDenyBy: readonly string[];
  /** What the proxy lets pass. */
  readonly l7?: L7Redirect;
  /** What would be with the staged policies in force too. */
  readonly staged?: StagedVerdict;
  /** Why the side has no policy; then everything is denied. */
  readonly error?: string;
}

/** What a trace is told from. */
export interface TraceInput {
  readonly resolved: ResolvedPolicy;
  readonly question: DropQuestion;
  readonly remote: RemotePeer;
  readonly decision: Decision;
  readonly ruleOf: (cookie: number) => RuleOrigin | undefined;
}

/** Tells how a side's verdict came about. */
export function traceSide({ resolved, question, remote, decision, ruleOf }: TraceInput): SideTrace {
  const { direction, localIdentity, remoteIdentity } = question;
  const { enforced, rules, defaultDenyBy } = resolved[direction];
  const decider = enforced ? ruleOf(decision.cookie) : undefined;
  const closed = resolved.error !== undefined;
  const entry = enforced && !closed ? decision.entry : undefined;
  return {
    ...{ direction, localIdentity, remoteIdentity, enforced, defaultDenyBy },
    policies: resolved.units
      .filter((unit) => unit[direction].present)
      .map(({ policy, tier, priority, stage, ...unit }) => ({
        ...{ policy, tier, priority, stage },
        defaultDeny: unit[direction].defaultDeny,
      })),
    rules: rules.map((rule) => tracedRule(rule, question, remote, decider)),
    verdict: closed ? "deny" : !enforced ? "allow" : entry?.l7 === undefined ? decision.verdict : "redirect",
    ...(decider === undefined || closed ? {} : { rule: decider }),
    ...(entry?.l7 === undefined ? {} : { l7: entry.l7 }),
    ...(entry?.staged === undefined ? {} : { staged: entry.staged }),
    ...(resolved.error === undefined ? {} : { error: resolved.error }),
  };
}

function tracedRule(
  rule: ResolvedRule,
  question: DropQuestion,
  remote: RemotePeer,
  decider: RuleOrigin | undefined,
): TracedRule {
  const { origin, action, tier, stage } = rule;
  return {
    ...{ rule: origin, action, tier, stage },
    missing: missingFields(rule, question, remote),
    decided: decider !== undefined && sameRule(decider, origin),
  };
}

function sameRule(a: RuleOrigin, b: RuleOrigin): boolean {
  return a.policy === b.policy && a.kind === b.kind && a.direction === b.direction && a.section === b.section;
}
