// SPDX-License-Identifier: Apache-2.0
// What `monitor` adds to a policy verdict: the rule that decided, and what staged policies would have decided.
import type { PolicyRuleName } from "../../../src/api/index.ts";
import type { PolicyVerdictEvent } from "../../../src/datapath/index.ts";
import { ruleText } from "../rule-text.ts";
import type { Knowledge } from "./knowledge.ts";

/** Indented lines below the verdict's own; none where no rule decided. */
export async function verdictDetails(event: PolicyVerdictEvent, knowledge: Knowledge): Promise<string[]> {
  const rule = await knowledge.ruleOf(event.cookie);
  const lines = rule === undefined ? [] : [`   ${event.direction} ${event.action} by policy ${fullText(rule)}`];
  if (event.staged === undefined) return lines;
  const staged = await knowledge.ruleOf(event.staged.cookie);
  if (staged === undefined) return lines;
  return [...lines, `   with staged policies: ${event.staged.verdict} by policy ${fullText(staged)}`];
}

/** The same as fields of the JSON form. */
export async function verdictDetailsModel(
  event: PolicyVerdictEvent,
  knowledge: Knowledge,
): Promise<Readonly<Record<string, unknown>>> {
  const rule = await knowledge.ruleOf(event.cookie);
  const staged = event.staged && (await knowledge.ruleOf(event.staged.cookie));
  return {
    ...(rule === undefined ? {} : { rule }),
    ...(staged === undefined ? {} : { stagedRule: staged }),
  };
}

/** With the policy's kind. */
function fullText(rule: PolicyRuleName): string {
  return rule.policy === "" ? ruleText(rule) : `${ruleText(rule)} (${rule.kind})`;
}
