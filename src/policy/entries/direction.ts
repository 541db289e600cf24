// SPDX-License-Identifier: Apache-2.0
// One direction of a policy: its rules, and the entries of every peer that they name.
import { Identity } from "../../identity/index.ts";
import type { ResolvedDirection } from "../resolve/resolve.ts";
import type { CachedSelector, SelectorCache } from "../selectors/cache.ts";
import type { Direction, PeerEntries } from "../types.ts";
import type { CookieRegistry } from "./cookies.ts";
import { anyPeerTemplates, MatchIndex, type PeerRule, peerTemplates, type Templates } from "./group.ts";
import type { NamedPorts } from "./named-ports.ts";
import { type CompiledRule, compileRules, hostRule, portsFor, type RuleSet } from "./rules.ts";

const none: Templates = new Map();
const maxRemembered = 10_000;
const maxChanges = 4096;

/** What a direction is compiled with. */
export interface DirectionDeps {
  readonly cache: SelectorCache;
  readonly cookies: CookieRegistry;
  readonly namedPorts: NamedPorts;
}

/** Peers with equal rules share their entries. */
export class CompiledDirection implements PeerEntries {
  readonly direction: Direction;
  readonly enforced: boolean;
  readonly selectors: ReadonlySet<CachedSelector>;
  /** Whether entries depend on named ports of peers. */
  readonly usesNames: boolean;
  readonly #set: RuleSet;
  readonly #namedPorts: NamedPorts;
  readonly #any: MatchIndex;
  readonly #host: CompiledRule | undefined;
  readonly #needsSelectors: boolean;
  readonly #bySignature = new Map<string, Templates>();
  readonly #groups = new Map<number, Templates>();
  /** Peers of the last changes, oldest first; the last one made the present version. */
  readonly #changed: number[] = [];
  #version = 0;

  constructor(direction: Direction, resolved: ResolvedDirection, { cache, cookies, namedPorts }: DirectionDeps) {
    this.direction = direction;
    this.enforced = resolved.enforced;
    this.#set = compileRules(resolved, cache, cookies);
    this.#namedPorts = namedPorts;
    const { rules } = this.#set;
    this.selectors = new Set(rules.flatMap(({ selectors }) => selectors ?? []));
    this.usesNames = rules.some(({ names }) => names.length > 0);
    this.#needsSelectors = rules.some(({ l7 }) => l7 !== undefined);
    this.#host = hostRuleOf(resolved);
    const anyPeer = rules.filter(({ selectors }) => selectors === undefined);
    this.#any = new MatchIndex(anyPeer.map((rule): PeerRule => ({ rule, ports: rule.ports, selectors: undefined })));
    if (this.enforced) this.#fill();
  }

  /** Entries by identity and packed port; 0 is any peer. */
  get groups(): ReadonlyMap<number, Templates> {
    return this.#groups;
  }

  get version(): number {
    return this.#version;
  }

  changedSince(version: number): Iterable<number> | undefined {
    const count = this.#version - version;
    if (count === 0) return [];
    return count > this.#changed.length ? undefined : new Set(this.#changed.slice(-count));
  }

  /** Works the entries of a peer out again. Returns those from before and after. */
  update(identity: number): { readonly before: Templates; readonly after: Templates } {
    const before = this.#groups.get(identity) ?? none;
    const after = this.enforced && identity !== 0 ? this.#templatesFor(identity, this.#rulesFor(identity)) : before;
    if (before === after) return { before, after };
    this.#version++;
    this.#changed.push(identity);
    if (this.#changed.length > 2 * maxChanges) this.#changed.splice(0, maxChanges);
    if (after.size > 0) this.#groups.set(identity, after);
    else this.#groups.delete(identity);
    return { before, after };
  }

  #fill(): void {
    const anyPeer = anyPeerTemplates(this.#set, this.#any);
    if (anyPeer.size > 0) this.#groups.set(0, anyPeer);
    for (const [identity, rules] of this.#rulesByIdentity()) {
      const templates = this.#templatesFor(identity, rules);
      if (templates.size > 0) this.#groups.set(identity, templates);
    }
  }

  #rulesByIdentity(): ReadonlyMap<number, CompiledRule[]> {
    const byIdentity = new Map<number, CompiledRule[]>();
    const add = (identity: number, rule: CompiledRule) => {
      const present = byIdentity.get(identity);
      if (present === undefined) byIdentity.set(identity, [rule]);
      else if (present.at(-1) !== rule) present.push(rule);
    };
    for (const rule of this.#set.rules) {
      for (const { ids } of rule.selectors ?? []) for (const id of ids) add(id, rule);
      if (rule.selectors !== undefined || rule.names.length === 0) continue;
      for (const id of this.#namedPorts.identities()) add(id, rule);
    }
    if (this.#host !== undefined) add(Identity.host, this.#host);
    return byIdentity;
  }

  #rulesFor(identity: number): CompiledRule[] {
    const rules = this.#set.rules.filter(({ selectors, names }) =>
      selectors === undefined ? names.length > 0 : selectors.some(({ ids }) => ids.has(identity)),
    );
    if (identity === Identity.host && this.#host !== undefined) rules.push(this.#host);
    return rules;
  }

  #templatesFor(identity: number, rules: readonly CompiledRule[]): Templates {
    if (rules.length === 0) return none;
    const peerRules = rules.map((rule) => this.#peerRule(rule, identity));
    const signature = this.#signature(peerRules, identity);
    const known = this.#bySignature.get(signature);
    if (known !== undefined) return known;
    const own = new MatchIndex(peerRules);
    const templates = peerTemplates(this.#set, own, this.#any, this.#groups.get(0) ?? none);
    if (this.#bySignature.size >= maxRemembered) this.#bySignature.clear();
    this.#bySignature.set(signature, templates);
    return templates;
  }

  #peerRule(rule: CompiledRule, identity: number): PeerRule {
    const named = portsFor(rule, this.#namedPorts.of(identity));
    // What a rule for any peer says by number is among the entries for any peer.
    const ports = rule.selectors === undefined ? named.slice(rule.ports.length) : named;
    const selectors = this.#needsSelectors
      ? rule.selectors?.filter(({ ids }) => ids.has(identity)).map(({ selector }) => selector.text)
      : rule.selectors && noSelectors;
    return { rule, ports, selectors };
  }

  /** Equal for peers of whom equal rules speak in the same way. */
  #signature(rules: readonly PeerRule[], identity: number): string {
    let text = "";
    for (const { rule, selectors } of rules) {
      text += this.#needsSelectors ? `${rule.order}:${selectors?.join("|")};` : `${rule.order};`;
    }
    if (this.usesNames) text += JSON.stringify(this.#namedPorts.of(identity));
    return text;
  }
}

const noSelectors: readonly string[] = [];

function hostRuleOf({ real, staged }: ResolvedDirection): CompiledRule | undefined {
  if (real.standing.host) return hostRule;
  return staged?.standing.host === true ? { ...hostRule, stage: "staged" } : undefined;
}
