// SPDX-License-Identifier: Apache-2.0
// Looks for rules that cannot mean what they say. Exact: rules are judged by the flows that they decide, not by text.
import { policyName } from "../names.ts";
import { maxPort, protocolsByName } from "../protocols.ts";
import { matchesSelector } from "../selectors/match.ts";
import { type DirectionRule, directions, type ParsedPolicy, type PolicyIdentity, type Rule } from "../types.ts";
import { EffectFinder, type RuleEffect } from "./effect.ts";
import type { LintFinding, LintRule, LintWorld } from "./types.ts";

/** All findings, in the order of policies and rules. Staged and audited policies count as if they were in force. */
export function lintPolicies(world: LintWorld): readonly LintFinding[] {
  const policies = world.policies.map((policy) => ({ ...policy, staged: false, audit: false }));
  const finder = new EffectFinder({ ...world, policies });
  const context = { world, finder };
  const ofRules = policies.flatMap((policy) =>
    policy.rules.flatMap((rule, spec) => lintSpec(policy, rule, spec, context)),
  );
  return [...conflicts(finder), ...ofRules];
}

interface Context {
  readonly world: LintWorld;
  readonly finder: EffectFinder;
}

function conflicts({ errors }: EffectFinder): readonly LintFinding[] {
  const where = { policy: "", policyKind: "", section: "" };
  return [...new Set(errors.values())].map((error) => {
    const closed = [...errors].filter(([, other]) => other === error).map(([id]) => id);
    const message = `${error} (identities ${closed.join(", ")} are closed in both directions)`;
    return { kind: "conflict", severity: "warning", ...where, message, others: [] };
  });
}

function lintSpec(policy: ParsedPolicy, rule: Rule, spec: number, context: Context): readonly LintFinding[] {
  const at = (section: string) => ({ policy: policyName(policy), policyKind: policy.kind, section });
  const selected = context.world.endpoints.filter((endpoint) => selects(rule, endpoint));
  if (selected.length === 0) {
    const message = `selects no endpoint that is known now`;
    return [{ kind: "selects-nothing", severity: "warning", ...at(rule.path), message, others: [] }];
  }
  const endpoints = selected.filter(({ id }) => !context.finder.errors.has(id));
  if (endpoints.length === 0) return [];
  return directions.flatMap((direction) =>
    rule[direction].flatMap((item, index): readonly LintFinding[] => {
      if (saysNothing(item)) return [];
      const found = lintRule({ policy, spec, direction, index }, item, endpoints, context);
      return found.map((finding) => ({ ...at(item.section), direction, ...finding }));
    }),
  );
}

type Judgement = Pick<LintFinding, "kind" | "severity" | "message" | "others">;

function lintRule(
  at: LintRule,
  rule: DirectionRule,
  endpoints: readonly PolicyIdentity[],
  { world, finder }: Context,
): readonly Judgement[] {
  const effect = finder.effectOf(at, endpoints);
  if (!effect.speaks) {
    const message = "speaks of no peer, or no port, that is known now";
    return [{ kind: "selects-nothing", severity: "warning", message, others: [] }];
  }
  const found: Judgement[] = [];
  if (coversEverything(rule, world)) {
    const verb = { allow: "allows", deny: "denies", pass: "passes" }[rule.action];
    const message = `${verb} everybody on every port`;
    found.push({ kind: "covers-everything", severity: "warning", message, others: [] });
  }
  const judgement = effect.changes ? contradiction(rule, effect) : uselessness(rule, effect);
  if (judgement !== undefined) found.push(judgement);
  return found;
}

function contradiction({ action }: DirectionRule, { allowedBy }: RuleEffect): Judgement | undefined {
  if (action !== "deny" || allowedBy.length === 0) return undefined;
  return { kind: "contradicting", severity: "note", message: "denies what other rules allow", others: allowedBy };
}

/** Why a rule makes no difference. */
function uselessness({ action }: DirectionRule, effect: RuleEffect): Judgement {
  const { allowedBy, deniedBy, allowedByDefault, deniedByDefault } = effect;
  const opposite = action === "deny" ? allowedBy : deniedBy;
  const equal = action === "deny" ? deniedBy : allowedBy;
  if (opposite.length > 0) {
    const message = `changes nothing: rules that come first decide ${equal.length > 0 ? "part of" : ""} it`.replace(
      "  ",
      " ",
    );
    return { kind: "shadowed", severity: "warning", message, others: [...opposite, ...equal] };
  }
  const byDefault = action === "deny" ? deniedByDefault : allowedByDefault;
  const reason = byDefault
    ? `its flows are ${action === "deny" ? "denied" : "allowed"} without it, by default`
    : "other rules say the same";
  return { kind: "dead", severity: "warning", message: `changes nothing: ${reason}`, others: equal };
}

/** A rule that only makes its direction default deny is meant so. */
function saysNothing({ peers, toPorts }: DirectionRule): boolean {
  if (peers?.length === 0) return true;
  return toPorts === undefined ? peers === undefined : toPorts.every(({ ports }) => ports.length === 0);
}

function coversEverything({ peers, toPorts }: DirectionRule, world: LintWorld): boolean {
  const everybody = world.peers.every(({ labels }) =>
    (peers ?? []).some((peer) => !("kind" in peer) && matchesSelector(peer, labels)),
  );
  return (peers === undefined || everybody) && (toPorts === undefined || coversEveryPort(toPorts));
}

function coversEveryPort(toPorts: NonNullable<DirectionRule["toPorts"]>): boolean {
  const whole = toPorts.flatMap(({ ports }) => ports).filter(({ first, last }) => first === 0 && last === maxPort);
  return (protocolsByName.get("ANY") ?? []).every((protocol) =>
    whole.some(({ protocols }) => protocols.includes(protocol)),
  );
}

function selects({ subject, subjectKind }: Rule, { labels }: Pick<PolicyIdentity, "labels">): boolean {
  return (subjectKind === "node") === labels.has("reserved", "host") && matchesSelector(subject, labels);
}
