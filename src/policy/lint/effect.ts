// SPDX-License-Identifier: Apache-2.0
// What a rule changes, found by taking it out: over every endpoint that it selects, every peer and every port.
import { overlay, type RegionVerdict, RegionView, sameVerdict } from "../diff/regions.ts";
import type { PolicyEngine } from "../engine/engine.ts";
import { cookieHost } from "../entries/cookies.ts";
import type { DirectionRule, ParsedPolicy, PolicyIdentity, Rule, RuleAction, RuleOrigin } from "../types.ts";
import type { LintRule, LintWorld } from "./types.ts";

/** Answers that flows of a rule get when it is not there. */
export interface RuleEffect {
  /** Whether any flow gets another answer with it. */
  readonly changes: boolean;
  /** Whether it speaks of any flow between known identities. */
  readonly speaks: boolean;
  /** Rules that decide its flows without it, by what they answer. */
  readonly allowedBy: readonly RuleOrigin[];
  readonly deniedBy: readonly RuleOrigin[];
  /** Whether some of its flows are then denied (allowed) with no rule saying so. */
  readonly deniedByDefault: boolean;
  readonly allowedByDefault: boolean;
}

/** Works out effects against one set of policies. */
export class EffectFinder {
  readonly #world: LintWorld;
  /** All policies, but for the rule in question. */
  readonly #engine: PolicyEngine;
  /** Nothing but the rule in question, allowing. */
  readonly #alone: PolicyEngine;
  readonly #base: ReadonlyMap<number, RegionView>;
  /** Why endpoints have no policy, by identity; rules have no effect there. */
  readonly errors: ReadonlyMap<number, string>;

  constructor(world: LintWorld) {
    this.#world = world;
    this.#engine = world.createEngine();
    this.#alone = world.createEngine({ mode: "default", allowLocalhost: false, hostFirewall: true });
    for (const policy of world.policies) this.#engine.upsertParsed(policy);
    const policies = world.endpoints.map(({ id, labels }) => [id, this.#engine.resolveEndpoint(labels, id)] as const);
    this.#base = new Map(policies.map(([id, policy]) => [id, new RegionView(policy)]));
    this.errors = new Map(policies.flatMap(([id, { error }]) => (error === undefined ? [] : [[id, error] as const])));
  }

  /** The effect of a rule on the endpoints that its spec selects. */
  effectOf(rule: LintRule, endpoints: readonly PolicyIdentity[]): RuleEffect {
    const { policy } = rule;
    this.#engine.upsertParsed(withRule(policy, rule, silent));
    this.#alone.upsertParsed(only(policy, rule));
    try {
      return this.#compare(rule, endpoints);
    } finally {
      this.#engine.upsertParsed(policy);
      this.#alone.deletePolicy(policy.id);
    }
  }

  #compare({ direction }: LintRule, endpoints: readonly PolicyIdentity[]): RuleEffect {
    const answers = new Answers(this.#engine);
    for (const endpoint of endpoints) {
      const base = this.#base.get(endpoint.id);
      if (base === undefined) continue;
      const without = this.#viewOf(this.#engine, endpoint);
      const alone = this.#viewOf(this.#alone, endpoint);
      for (const { id } of this.#world.peers) {
        const spoken = overlay(alone.regions(direction, id), without.regions(direction, id), pairOf, samePair);
        const regions = spoken.filter(({ a }) => a.verdict !== "deny").map((region) => ({ ...region, ...region.b }));
        if (regions.length === 0) continue;
        for (const { verdict, cookie } of regions) answers.add({ verdict, cookie });
        const both = overlay(base.regions(direction, id), without.regions(direction, id), pairOf, samePair);
        if (both.some(({ a, b }) => !sameVerdict(a, b))) answers.changes = true;
      }
    }
    return answers.effect();
  }

  #viewOf(engine: PolicyEngine, { id, labels }: PolicyIdentity): RegionView {
    return new RegionView(engine.resolveEndpoint(labels, id));
  }
}

interface Pair {
  readonly a: RegionVerdict;
  readonly b: RegionVerdict;
}

const pairOf = (a: RegionVerdict, b: RegionVerdict): Pair => ({ a, b });
const sameAnswer = (a: RegionVerdict, b: RegionVerdict) => a.cookie === b.cookie && sameVerdict(a, b);
const samePair = (x: Pair, y: Pair) => sameAnswer(x.a, y.a) && sameAnswer(x.b, y.b);

/** Collects who answers. */
class Answers {
  changes = false;
  readonly #engine: PolicyEngine;
  readonly #seen = new Map<string, Pick<RegionVerdict, "verdict" | "cookie">>();

  constructor(engine: PolicyEngine) {
    this.#engine = engine;
  }

  add(answer: Pick<RegionVerdict, "verdict" | "cookie">): void {
    this.#seen.set(`${answer.verdict} ${answer.cookie}`, answer);
  }

  effect(): RuleEffect {
    const seen = [...this.#seen.values()];
    const denies = (verdict: RegionVerdict["verdict"]) => verdict === "deny" || verdict === "error";
    const by = (wanted: boolean) =>
      seen.filter(({ verdict }) => denies(verdict) === wanted).flatMap(({ cookie }) => this.#ruleOf(cookie) ?? []);
    const byDefault = (wanted: boolean) =>
      seen.some(({ verdict, cookie }) => denies(verdict) === wanted && this.#ruleOf(cookie) === undefined);
    return {
      changes: this.changes,
      speaks: seen.length > 0,
      allowedBy: by(false),
      deniedBy: by(true),
      allowedByDefault: byDefault(false),
      deniedByDefault: byDefault(true),
    };
  }

  /** The host's standing right is nobody's rule. */
  #ruleOf(cookie: number): RuleOrigin | undefined {
    return cookie === cookieHost ? undefined : this.#engine.ruleOf(cookie);
  }
}

/** A rule that says nothing but still makes its direction default deny. */
const silent = (rule: DirectionRule): DirectionRule => ({
  section: rule.section,
  action: "allow",
  peers: [],
  toPorts: undefined,
});

/** The policy with one rule put in another form. */
function withRule(policy: ParsedPolicy, at: LintRule, change: (rule: DirectionRule) => DirectionRule): ParsedPolicy {
  const replace = (rules: readonly DirectionRule[]) =>
    rules.map((rule, index) => (index === at.index ? change(rule) : rule));
  const rules = policy.rules.map(
    (rule, spec): Rule => (spec === at.spec ? { ...rule, [at.direction]: replace(rule[at.direction]) } : rule),
  );
  return { ...policy, rules };
}

/** Just the rule, allowing whatever it speaks of, with everything else denied. */
function only(policy: ParsedPolicy, at: LintRule): ParsedPolicy {
  const action: RuleAction = "allow";
  return {
    ...policy,
    rules: policy.rules
      .filter((_, spec) => spec === at.spec)
      .map((rule) => ({
        ...rule,
        ...{ tier: "normal", priority: 0, ingress: [], egress: [], defaultDeny: { ingress: true, egress: true } },
        [at.direction]: rule[at.direction]
          .filter((_, index) => index === at.index)
          .map((item) => ({ ...item, action })),
      })),
  };
}
