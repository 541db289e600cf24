// SPDX-License-Identifier: Apache-2.0
// Answers in words, a line each.
import type { NearestMiss } from "../engine/explain.ts";
import { describeFlow } from "./output.ts";
import type { CaseAnswer, CaseFlow, PolicyCase, RuleAnswer, SideAnswer } from "./types.ts";

/** Cells of a table: case, flow, egress, ingress, and what decided each. */
export function flowRows(vector: PolicyCase, { id, flows }: CaseAnswer): string[][] {
  return vector.flows.map((flow, index) => {
    const { egress, ingress } = flows[index] ?? {};
    const why = [egress, ingress].flatMap((side) => (side === undefined ? [] : [ruleInWords(side.rule)]));
    return [id, describeFlow(flow), verdict(egress), verdict(ingress), why.join("; ")];
  });
}

/** One flow, side by side. */
export function flowInWords(flow: CaseFlow, answer: CaseAnswer["flows"][number]): string[] {
  const line = (name: string, who: string, side: SideAnswer | undefined) =>
    side === undefined
      ? `${name} of ${who}: not enforced here`
      : `${name} of ${who}: ${verdict(side)} (${ruleInWords(side.rule)})`;
  const sides = [answer.egress, answer.ingress].flatMap((side) => (side === undefined ? [] : [side.verdict]));
  const passes = sides.every((side) => side === "allow" || side === "redirect");
  return [
    line("Egress", flow.from, answer.egress),
    line("Ingress", flow.to, answer.ingress),
    `Verdict of ${describeFlow(flow)}: ${passes ? "allowed" : "denied"}`,
  ];
}

function verdict(side: SideAnswer | undefined): string {
  if (side === undefined) return "-";
  const { l7, auth } = side;
  const extra = [
    ...(l7 === undefined ? [] : [`${l7.parser}${l7.allowAll ? ", all pass" : ""}`]),
    ...(auth === undefined ? [] : [`auth ${auth}`]),
  ];
  return extra.length === 0 ? side.verdict : `${side.verdict} [${extra.join(", ")}]`;
}

/** What decided: a rule, the policies that made default deny with the rule that came nearest, or nobody. */
export function ruleInWords(rule: RuleAnswer): string {
  if ("policy" in rule) return `${rule.kind} ${rule.policy} ${rule.section}`.trim();
  if ("error" in rule) return rule.error;
  if (rule.default === "allow") return "no policy decides";
  const by = rule.by.length === 0 ? "the enforcement mode" : rule.by.join(", ");
  return `default deny by ${by}${rule.nearestMiss === undefined ? "" : `; ${missInWords(rule.nearestMiss)}`}`;
}

function missInWords({ rule, fields }: NearestMiss): string {
  const wrong = fields.map(({ field, expected, found }) => `${field}: ${found}, wanted ${expected}`).join("; ");
  return `nearest rule ${rule.policy} ${rule.section} (${wrong})`;
}
