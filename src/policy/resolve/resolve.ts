// SPDX-License-Identifier: Apache-2.0
// Which rules hold for an endpoint, and what is with traffic that no rule speaks of.
import type { Labels } from "../../core/index.ts";
import { matchesSelector } from "../selectors/match.ts";
import type { Direction, EnforcementMode, NamedPort, PortMatch } from "../types.ts";
import { findConflict } from "./conflicts.ts";
import type { PolicyStage, ResolvedRule, RuleUnit } from "./units.ts";

/** What holds for an endpoint whatever its policies are. */
export interface ResolveOptions {
  /** Pods accept the local host where no rule denies it. Default true. */
  readonly allowLocalhost?: boolean;
  /** Policies hold for the host too. Default true. */
  readonly hostFirewall?: boolean;
  /** Named ports of the endpoint itself. */
  readonly namedPorts?: readonly NamedPort[];
}

/** What is with traffic that no rule speaks of. */
export interface Standing {
  /** It is denied, unless a baseline rule says otherwise. */
  readonly defaultDeny: boolean;
  /** The local host is allowed. */
  readonly host: boolean;
}

/** One reading of the rules: those of some stages, and what is with the rest. */
export interface Reading {
  readonly stages: ReadonlySet<PolicyStage>;
  readonly standing: Standing;
}

export interface ResolvedDirection {
  /** Whether entries decide; otherwise everything is allowed. */
  readonly enforced: boolean;
  /** Policies (by their names, sorted) that made it default deny; none if the mode or `reserved:init` did. */
  readonly defaultDenyBy: readonly string[];
  /** In the order in which they are asked. Named ports of ingress are numbers here. */
  readonly rules: readonly ResolvedRule[];
  /** The rules in force. */
  readonly real: Reading;
  /** Those in force without the audited ones; only when there are audited ones. */
  readonly unaudited?: Reading;
  /** Those in force and the staged ones; only when a staged policy selects the endpoint. */
  readonly staged?: Reading;
}

/** The policy of an endpoint in terms of selectors. */
export interface ResolvedPolicy {
  readonly ingress: ResolvedDirection;
  readonly egress: ResolvedDirection;
  /** The specs that select the endpoint, in the order of their rules. */
  readonly units: readonly RuleUnit[];
  /** Equal for endpoints for which equal units give equal rules. */
  readonly variant: string;
  /** Rules that cannot be merged: the endpoint has no policy, everything is denied. */
  readonly error?: string;
}

/**
 * Resolves the policy of endpoints with these labels. `candidates` are all specs that may select them, in any order;
 * the result depends on neither their order nor anything else.
 */
export function resolvePolicy(
  labels: Labels,
  candidates: Iterable<RuleUnit>,
  mode: EnforcementMode,
  options: ResolveOptions = {},
): ResolvedPolicy {
  const isHost = labels.has("reserved", "host");
  const kind = isHost ? "node" : "endpoint";
  const units = [...candidates]
    .filter((unit) => unit.subjectKind === kind && matchesSelector(unit.subject, labels))
    .sort(compareUnits);
  const subject: Subject = {
    mayEnforce: mode !== "never" && (!isHost || options.hostFirewall !== false),
    // Without its labels a pod is not known yet: nothing may pass that no rule for such pods allows.
    alwaysEnforced: mode === "always" || labels.has("reserved", "init"),
    allowsHost: !isHost && options.allowLocalhost !== false,
    namedPorts: options.namedPorts ?? [],
  };
  const resolve = (direction: Direction) => resolveDirection(units, direction, subject);
  const resolved = { ingress: resolve("ingress"), egress: resolve("egress") };
  const usesNames = units.some(({ ingress: { rules } }) => rules.some(hasNames));
  const variant = usesNames ? JSON.stringify(subject.namedPorts) : "";
  const error = subject.mayEnforce
    ? (findConflict(resolved.ingress.rules) ?? findConflict(resolved.egress.rules))
    : undefined;
  if (error === undefined) return { ...resolved, units, variant };
  const closed = (direction: ResolvedDirection) => ({ ...direction, enforced: true });
  return { ingress: closed(resolved.ingress), egress: closed(resolved.egress), units, variant, error };
}

interface Subject {
  readonly mayEnforce: boolean;
  readonly alwaysEnforced: boolean;
  readonly allowsHost: boolean;
  readonly namedPorts: readonly NamedPort[];
}

const tiers = ["admin", "normal", "baseline"];

function compareUnits(a: RuleUnit, b: RuleUnit): number {
  const rank = tiers.indexOf(a.tier) - tiers.indexOf(b.tier) || a.priority - b.priority;
  return rank || (a.sortKey < b.sortKey ? -1 : a.sortKey > b.sortKey ? 1 : a.index - b.index);
}

const realStages: ReadonlySet<PolicyStage> = new Set(["enforced", "audited"]);
const unauditedStages: ReadonlySet<PolicyStage> = new Set(["enforced"]);
const allStages: ReadonlySet<PolicyStage> = new Set(["enforced", "audited", "staged"]);

function resolveDirection(units: readonly RuleUnit[], direction: Direction, subject: Subject): ResolvedDirection {
  const present = units.filter((unit) => unit[direction].present);
  const reading = (stages: ReadonlySet<PolicyStage>): Reading => ({
    stages,
    standing: standingOf(
      present.filter(({ stage }) => stages.has(stage)),
      direction,
      subject,
    ),
  });
  const real = reading(realStages);
  const rules = present.flatMap((unit) =>
    unit[direction].rules.flatMap((rule) => withNumbers(rule, direction, subject)),
  );
  const has = (wanted: PolicyStage) => present.some(({ stage }) => stage === wanted);
  const enforced = subject.mayEnforce && (real.standing.defaultDeny || has("staged") || rules.some(changesAnything));
  const denying = present.filter((unit) => unit.stage !== "staged" && unit[direction].defaultDeny);
  return {
    enforced,
    defaultDenyBy: enforced ? [...new Set(denying.map(({ policy }) => policy))].sort() : [],
    rules,
    real,
    ...(has("audited") ? { unaudited: reading(unauditedStages) } : {}),
    ...(has("staged") ? { staged: reading(allStages) } : {}),
  };
}

function standingOf(present: readonly RuleUnit[], direction: Direction, subject: Subject): Standing {
  return {
    defaultDeny: subject.alwaysEnforced || present.some((unit) => unit[direction].defaultDeny),
    // As in Cilium: with enforcement "always", pods that no ingress rule selects are closed to the host too.
    host: direction === "ingress" && subject.allowsHost && present.length > 0,
  };
}

/** Whether the rule does more than allow what would be allowed without any rule. */
function changesAnything({ action, l7, authentication }: ResolvedRule): boolean {
  return action !== "allow" || l7 !== undefined || authentication !== undefined;
}

/** An ingress rule with the endpoint's own numbers in place of names; none when it names only ports that it lacks. */
function withNumbers(rule: ResolvedRule, direction: Direction, { namedPorts }: Subject): readonly ResolvedRule[] {
  if (direction === "egress" || !hasNames(rule)) return [rule];
  const ports = rule.ports?.flatMap((match) => numbersOf(match, namedPorts)) ?? [];
  return ports.length === 0 ? [] : [{ ...rule, ports }];
}

/** The match itself, or for a named port one match for each number that it has there. */
export function numbersOf(match: PortMatch, ports: readonly NamedPort[]): readonly PortMatch[] {
  if (match.name === undefined) return [match];
  return ports
    .filter(({ name, protocol }) => name === match.name && match.protocols.includes(protocol))
    .map(({ protocol, port }) => ({ protocols: [protocol], first: port, last: port }));
}

function hasNames({ ports }: ResolvedRule): boolean {
  return ports?.some(({ name }) => name !== undefined) ?? false;
}
