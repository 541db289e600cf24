// SPDX-License-Identifier: Apache-2.0
// policy hits: how often each rule has decided on this node.
import type { PolicyRuleHits } from "../../../../src/api/index.ts";
import { type CommandSpec, flag } from "../../define.ts";
import { alignTable, type Line } from "../../output/table.ts";

export const hits: CommandSpec = {
  usage: "hits",
  summary: "Show how often each rule decided on new flows and denied packets of this node",
  options: [["--staged", "only rules of staged policies, by what they would have decided"]],
  run: async (context, call) => {
    const found = await context.client().policyHits();
    const staged = flag(call, "staged");
    const rows = [...found].filter((row) => !staged || stagedTotal(row) > 0).sort(compare);
    await context.result(rows, () => formatHits(rows));
  },
};

function formatHits(rows: readonly PolicyRuleHits[]): string[] {
  if (rows.length === 0) return ["No rule has decided yet"];
  const lines = rows.map((row): Line => {
    const { rule, cookie, allowed, denied, audited } = row;
    const staged = [row["staged-allowed"], row["staged-denied"]];
    const counts = [allowed, denied, audited, ...staged].map(String);
    if (rule === undefined) return ["-", "(default deny)", "-", ...counts, String(cookie)];
    return [rule.policy === "" ? "-" : rule.policy, rule.section, rule.direction, ...counts, String(cookie)];
  });
  const header = ["POLICY", "RULE", "DIRECTION", "ALLOWED", "DENIED", "AUDITED", "STAGED ALLOWED", "STAGED DENIED"];
  return alignTable([[...header, "COOKIE"]], lines);
}

function stagedTotal(row: PolicyRuleHits): number {
  return row["staged-allowed"] + row["staged-denied"];
}

/** By policy and rule; default deny last. */
function compare(a: PolicyRuleHits, b: PolicyRuleHits): number {
  const key = ({ rule }: PolicyRuleHits) =>
    rule === undefined ? "\uffff" : `${rule.policy} ${rule.direction} ${rule.section}`;
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a.cookie - b.cookie;
}
