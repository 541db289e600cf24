// SPDX-License-Identifier: Apache-2.0
// A trace as text.
import type { SideTrace, TracedPolicy, TracedRule } from "../../../../src/policy/index.ts";

interface TraceEnd {
  readonly identity: number;
  readonly name: string;
  readonly labels: readonly string[];
}

/** One flow, traced on the sides where policies hold. */
export interface FlowTrace {
  readonly from: TraceEnd;
  readonly to: TraceEnd;
  /** `80/TCP`. */
  readonly port: string;
  readonly egress?: SideTrace;
  readonly ingress?: SideTrace;
  readonly verdict: "ALLOWED" | "DENIED";
}

const line = "-".repeat(64);

/** The lines of `cilium policy trace`. */
export function traceInWords({ from, to, port, egress, ingress, verdict }: FlowTrace): string[] {
  return [
    line,
    "",
    `Tracing From: [${from.labels.join(", ")}] => To: [${to.labels.join(", ")}] Ports: [${port}]`,
    "",
    ...sideInWords("egress", egress, from),
    "",
    ...sideInWords("ingress", ingress, to),
    "",
    `Final verdict: ${verdict}`,
  ];
}

function sideInWords(direction: "egress" | "ingress", side: SideTrace | undefined, local: TraceEnd): string[] {
  const name = direction === "egress" ? "Egress" : "Ingress";
  if (side === undefined) return [`${name} verdict: allowed (no policy is enforced at ${local.name})`];
  return [
    `Resolving ${direction} policy for ${local.name} (identity ${local.identity})`,
    ...side.policies.map((policy) => `* ${policyInWords(policy)}`),
    ...side.rules.map((rule) => `    ${ruleInWords(rule)}`),
    ...countInWords(side),
    ...stagedInWords(side),
    `${name} verdict: ${verdictInWords(side)}`,
  ];
}

function countInWords({ rules }: SideTrace): string[] {
  return rules.length === 0
    ? []
    : [`${rules.filter(({ missing }) => missing.length === 0).length}/${rules.length} rules match`];
}

function policyInWords({ policy, tier, priority, stage, defaultDeny }: TracedPolicy): string {
  const where = tier === "normal" ? "" : `, tier ${tier}, priority ${priority}`;
  const mode = stage === "enforced" ? "" : `, ${stage}`;
  return `Policy ${policy}: selected${where}${mode}${defaultDeny ? ", default deny" : ""}`;
}

const verbs = { allow: "Allows", deny: "Denies", pass: "Passes" } as const;

function ruleInWords({ rule, action, missing, decided }: TracedRule): string {
  const said = `${verbs[action]} by ${rule.policy} ${rule.section}`;
  if (missing.length === 0) return `${said}: matches${decided ? ", decides" : ""}`;
  const fields = missing.map(({ field, expected, found }) => `${field}: expected ${expected}, found ${found}`);
  return `${said}: no match (${fields.join("; ")})`;
}

function stagedInWords({ staged }: SideTrace): string[] {
  return staged === undefined ? [] : [`With the staged policies in force: ${staged.verdict}`];
}

function verdictInWords(side: SideTrace): string {
  const { verdict, rule, defaultDenyBy, enforced, error, l7 } = side;
  if (error !== undefined) return `denied (the policy cannot be computed: ${error})`;
  if (!enforced) return "allowed (not enforced)";
  const words = { allow: "allowed", deny: "denied", audit: "allowed, audited", redirect: "allowed, by proxy" }[verdict];
  const proxy = l7 === undefined ? "" : ` (${l7.parser}${l7.allowAll ? ", every request" : ""})`;
  if (rule !== undefined)
    return `${words}${proxy} by ${rule.policy === "" ? "" : `${rule.policy} `}${rule.section}${whyFirst(side)}`;
  const by = defaultDenyBy.length === 0 ? "" : ` by ${defaultDenyBy.join(", ")}`;
  return verdict === "allow" ? words : `${words} (default deny${by}, no rule allows it)`;
}

/** Why this rule, where others match too. */
function whyFirst({ rules }: SideTrace): string {
  const matching = rules.filter(({ missing, stage }) => missing.length === 0 && stage !== "staged");
  const decider = matching.find(({ decided }) => decided);
  if (decider === undefined || matching.length < 2) return "";
  if (matching.some(({ tier }) => tier !== decider.tier)) return ` (tier ${decider.tier} decides before the others)`;
  const opposite = matching.some(({ action }) => action !== decider.action);
  if (!opposite) return " (one of several that match)";
  return decider.tier === "normal" ? " (a denial comes before every allowance)" : " (the first rule that matches)";
}
