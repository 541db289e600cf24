// SPDX-License-Identifier: Apache-2.0
// What rules say of traffic that all of them match: tiers, denies before allows, and what holds without any rule.
import type { Reading } from "../resolve/resolve.ts";
import type { L7Redirect } from "../types.ts";
import { type Match, mergeAllows } from "./allow.ts";
import type { CompiledRule } from "./rules.ts";

/** The answer of one reading of the rules. */
export interface Answer {
  readonly verdict: "allow" | "deny";
  /** Of the rule that decided; 0: none did. */
  readonly cookie: number;
  readonly l7: L7Redirect | undefined;
  readonly auth: number;
}

const defaultAllow: Answer = { verdict: "allow", cookie: 0, l7: undefined, auth: 0 };
const defaultDeny: Answer = { verdict: "deny", cookie: 0, l7: undefined, auth: 0 };

/** The answer for traffic that exactly these rules match, in any order. */
export function answerOf(matches: readonly Match[], { stages, standing }: Reading): Answer {
  let deny: Match | undefined;
  const ordered: Match[] = [];
  const allows: Match[] = [];
  for (const match of matches) {
    const { action, order, stage, tier } = match.rule;
    if (!stages.has(stage)) continue;
    if (tier !== "normal") ordered.push(match);
    else if (action === "allow") allows.push(match);
    else if (deny === undefined || order < deny.rule.order) deny = match;
  }
  const admin = firstOf(ordered, "admin");
  if (admin !== undefined && admin.rule.action !== "pass") return answerBy(admin);
  if (deny !== undefined) return answerBy(deny);
  if (allows.length > 0) return { verdict: "allow", ...mergeAllows(allows, standing.defaultDeny) };
  if (standing.defaultDeny) return defaultDeny;
  const baseline = firstOf(ordered, "baseline");
  return baseline === undefined || baseline.rule.action === "pass" ? defaultAllow : answerBy(baseline);
}

function firstOf(matches: readonly Match[], tier: CompiledRule["tier"]): Match | undefined {
  let first: Match | undefined;
  for (const match of matches) {
    const { rule } = match;
    if (rule.tier === tier && (first === undefined || rule.order < first.rule.order)) first = match;
  }
  return first;
}

function answerBy(match: Match): Answer {
  const { action, cookie } = match.rule;
  return action === "deny" ? { ...defaultDeny, cookie } : { verdict: "allow", ...mergeAllows([match], true) };
}
