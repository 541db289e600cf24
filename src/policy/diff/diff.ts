// SPDX-License-Identifier: Apache-2.0
// Which flows two states of the policies treat differently, exactly: over every pair of identities and every port.
import type { PolicyEngine } from "../engine/engine.ts";
import type { Direction, EndpointPolicy, PolicyIdentity, RuleOrigin } from "../types.ts";
import { overlay, type Region, type RegionVerdict, RegionView, sameVerdict } from "./regions.ts";
import type { PortSpan } from "./span.ts";

/** Whose flows are compared. */
export interface DiffScope {
  /** Identities of endpoints, whose policies count. */
  readonly endpoints: readonly PolicyIdentity[];
  /** Everybody whom they may talk to, the endpoints among them. */
  readonly peers: readonly PolicyIdentity[];
}

/** What happens to a flow, and the side that decided. */
export interface FlowOutcome {
  readonly verdict: RegionVerdict["verdict"];
  /** The side that denies, else the destination's if it enforces. */
  readonly direction: Direction;
  /** Absent: no rule; what is denied then is a default deny, what is allowed not enforced. */
  readonly rule?: RuleOrigin;
  /** For a default deny the policies that made it, `namespace/name`. */
  readonly by?: readonly string[];
}

/** New flows from one identity to another that would be treated differently. */
export interface FlowChange extends PortSpan {
  readonly from: number;
  readonly to: number;
  readonly before: FlowOutcome;
  readonly after: FlowOutcome;
}

interface Sides extends RegionVerdict {
  readonly direction: Direction;
}

/** All changes, by the order of the scope's identities, then by protocol and port. */
export function diffPolicies(before: PolicyEngine, after: PolicyEngine, scope: DiffScope): readonly FlowChange[] {
  const old = new Views(before, scope.endpoints);
  const next = new Views(after, scope.endpoints);
  const changed = new Set(scope.endpoints.filter(({ id }) => !old.equal(next, id)).map(({ id }) => id));
  if (changed.size === 0) return [];
  const changes: FlowChange[] = [];
  for (const from of scope.peers) {
    for (const to of scope.peers) {
      if (!changed.has(from.id) && !changed.has(to.id)) continue;
      changes.push(...changesOf(from.id, to.id, old, next));
    }
  }
  return changes;
}

function changesOf(from: number, to: number, old: Views, next: Views): readonly FlowChange[] {
  const pairs = overlay(
    old.flow(from, to),
    next.flow(from, to),
    (a, b) => ({ before: a as Sides, after: b as Sides }),
    (a, b) => sameSides(a.before, b.before) && sameSides(a.after, b.after),
  );
  const differing = pairs.filter(({ before, after }) => !sameVerdict(before, after));
  const named = new Set(pairs.map(({ protocol }) => protocol).filter((protocol) => protocol !== 0));
  return spansOf(differing, named).map(({ span, value }) => ({
    ...{ from, to, ...span },
    before: old.outcome(value.before, from, to),
    after: next.outcome(value.after, from, to),
  }));
}

interface Pair {
  readonly protocol: number;
  readonly first: number;
  readonly last: number;
  readonly before: Sides;
  readonly after: Sides;
}

/** Protocols with equal changes on equal ports together. `named` are those that the rest (0) does not stand for. */
function spansOf(pairs: readonly Pair[], named: ReadonlySet<number>): readonly { span: PortSpan; value: Pair }[] {
  const groups: Pair[][] = [];
  for (const pair of pairs) {
    const group = groups.find(([first]) => first !== undefined && alike(first, pair));
    if (group === undefined) groups.push([pair]);
    else group.push(pair);
  }
  return groups.flatMap((group) => {
    const [value] = group;
    if (value === undefined) return [];
    const { first, last } = value;
    const found = group.map(({ protocol }) => protocol);
    const allBut = found.includes(0);
    const protocols = allBut ? [...named].filter((protocol) => !found.includes(protocol)) : found;
    return [{ span: { protocols, allBut, first, last }, value }];
  });
}

function alike(a: Pair, b: Pair): boolean {
  return a.first === b.first && a.last === b.last && sameSides(a.before, b.before) && sameSides(a.after, b.after);
}

function sameSides(a: Sides, b: Sides): boolean {
  return a.direction === b.direction && a.cookie === b.cookie && sameVerdict(a, b);
}

/** An engine's answers to the scope's endpoints. */
class Views {
  readonly #engine: PolicyEngine;
  readonly #views = new Map<number, RegionView>();
  readonly #policies = new Map<number, EndpointPolicy>();

  constructor(engine: PolicyEngine, endpoints: readonly PolicyIdentity[]) {
    this.#engine = engine;
    for (const { id, labels } of endpoints) {
      const policy = engine.resolveEndpoint(labels, id);
      this.#views.set(id, new RegionView(policy));
      this.#policies.set(id, policy);
    }
  }

  /** Cookies are an engine's own; equal entries of two engines may differ in them. Then the ports are compared. */
  equal(other: Views, id: number): boolean {
    const [mine, theirs] = [this.#policies.get(id), other.#policies.get(id)];
    if (this.#engine.cookies !== other.#engine.cookies || mine?.error !== theirs?.error) return false;
    return mine?.fingerprint === theirs?.fingerprint;
  }

  /** What a flow meets: the source's egress, then the destination's ingress. */
  flow(from: number, to: number): readonly (Region & Sides)[] {
    const egress = withDirection(this.#views.get(from)?.regions("egress", to), "egress");
    const ingress = withDirection(this.#views.get(to)?.regions("ingress", from), "ingress");
    if (egress === undefined) return ingress ?? [];
    if (ingress === undefined) return egress;
    return overlay(egress, ingress, (a, b) => stricter(a as Sides, b as Sides), sameSides);
  }

  outcome({ verdict, direction, cookie }: Sides, from: number, to: number): FlowOutcome {
    const rule = cookie === 0 ? undefined : this.#engine.ruleOf(cookie);
    if (rule !== undefined) return { verdict, direction, rule };
    if (verdict !== "deny") return { verdict, direction };
    const by = this.#policies.get(direction === "egress" ? from : to)?.defaultDenyBy[direction] ?? [];
    return { verdict, direction, by };
  }
}

function withDirection(regions: readonly Region[] | undefined, direction: Direction) {
  return regions?.map((region) => ({ ...region, direction }));
}

const strictness: readonly RegionVerdict["verdict"][] = ["allow", "audit", "redirect", "deny", "error"];

/** Of equal verdicts one that a rule gave, the destination's first; what each side's proxy checks adds up. */
function stricter(egress: Sides, ingress: Sides): Sides {
  const difference = strictness.indexOf(ingress.verdict) - strictness.indexOf(egress.verdict);
  const ingressDecides = difference > 0 || (difference === 0 && (ingress.cookie !== 0 || egress.cookie === 0));
  const { verdict, cookie, direction } = ingressDecides ? ingress : egress;
  const details = verdict === "deny" || verdict === "error" ? [] : [egress.detail, ingress.detail];
  return { verdict, cookie, direction, detail: details.filter((part) => part !== "").join(" / ") };
}
