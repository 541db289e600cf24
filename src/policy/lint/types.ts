// SPDX-License-Identifier: Apache-2.0
// What can be odd about policies that are each valid.
import type { PolicyEngine, PolicyEngineOptions } from "../engine/engine.ts";
import type { Direction, ParsedPolicy, PolicyIdentity, RuleOrigin } from "../types.ts";

/**
 * `selects-nothing`: no endpoint or no peer that is known. `covers-everything`: everybody, on every port.
 * `dead`: without the rule every flow would get the same answer, from other rules or by default. `shadowed`: the same,
 * because rules that come first decide the opposite. `contradicting`: a denial takes away what another rule allows.
 * `conflict`: rules that cannot be merged, which closes the endpoints that they select.
 */
export type LintKind = "selects-nothing" | "covers-everything" | "dead" | "shadowed" | "contradicting" | "conflict";

export interface LintFinding {
  readonly kind: LintKind;
  /** `note`: often meant so. */
  readonly severity: "warning" | "note";
  /** The rule; for a subject without endpoints `section` is the path of the spec, for a conflict all are empty. */
  readonly policy: string;
  readonly policyKind: string;
  readonly section: string;
  readonly direction?: Direction;
  /** One sentence that goes on after "policy, section:". */
  readonly message: string;
  /** The rules that it is about besides. */
  readonly others: readonly RuleOrigin[];
}

/** The world that policies are checked against. */
export interface LintWorld {
  readonly policies: readonly ParsedPolicy[];
  /** Identities of endpoints, which policies can select. */
  readonly endpoints: readonly PolicyIdentity[];
  /** Everybody that rules can speak of, the endpoints among them. */
  readonly peers: readonly PolicyIdentity[];
  /** Makes an engine that knows the peers and has no policies; `overrides` go before the options of the world. */
  readonly createEngine: (overrides?: PolicyEngineOptions) => PolicyEngine;
}

/** One rule and where it stands. */
export interface LintRule {
  readonly policy: ParsedPolicy;
  /** Positions of the spec in the policy, and of the rule in its direction. */
  readonly spec: number;
  readonly direction: Direction;
  readonly index: number;
}
