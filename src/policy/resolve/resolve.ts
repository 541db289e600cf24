// SPDX-License-Identifier: Apache-2.0
// Which rules hold for an endpoint, and which directions they make default deny.
import type { Labels } from "../../core/index.ts";
import { matchesSelector } from "../selectors/match.ts";
import type { Direction, EnforcementMode } from "../types.ts";
import type { ResolvedRule, RuleUnit } from "./units.ts";

export interface ResolvedDirection {
  /** Whether what no rule allows is denied. */
  readonly enforced: boolean;
  /** Policies (`namespace/name`, sorted) that made it default deny; none if the mode or `reserved:init` did. */
  readonly defaultDenyBy: readonly string[];
  /** Whether any rule selects the endpoint, also one that allows nothing. */
  readonly selected: boolean;
  readonly rules: readonly ResolvedRule[];
}

/** The policy of an endpoint in terms of selectors. */
export interface ResolvedPolicy {
  readonly ingress: ResolvedDirection;
  readonly egress: ResolvedDirection;
  /** The specs that select the endpoint, in the order of their rules. */
  readonly units: readonly RuleUnit[];
}

/**
 * Resolves the policy of endpoints with these labels. `candidates` are all specs that may select them, in any order;
 * the result depends on neither their order nor anything else.
 */
export function resolvePolicy(labels: Labels, candidates: Iterable<RuleUnit>, mode: EnforcementMode): ResolvedPolicy {
  const units = [...candidates]
    .filter((unit) => matchesSelector(unit.subject, labels))
    .sort((a, b) => (a.policy < b.policy ? -1 : a.policy > b.policy ? 1 : a.index - b.index));
  // Without its labels a pod is not known yet: nothing may pass that no rule for such pods allows.
  const alwaysEnforced = mode === "always" || labels.has("reserved", "init");
  const resolve = (direction: Direction) => resolveDirection(units, direction, mode !== "never", alwaysEnforced);
  return { ingress: resolve("ingress"), egress: resolve("egress"), units };
}

function resolveDirection(
  units: readonly RuleUnit[],
  direction: Direction,
  mayEnforce: boolean,
  alwaysEnforced: boolean,
): ResolvedDirection {
  const present = units.filter((unit) => unit[direction].present);
  const denying = present.filter((unit) => unit[direction].defaultDeny);
  const enforced = mayEnforce && (alwaysEnforced || denying.length > 0);
  return {
    enforced,
    defaultDenyBy: enforced ? [...new Set(denying.map((unit) => unit.policy))] : [],
    selected: present.length > 0,
    rules: present.flatMap((unit) => unit[direction].rules),
  };
}
