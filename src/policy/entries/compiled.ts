// SPDX-License-Identifier: Apache-2.0
// From a resolved policy to map entries, kept up to date identity by identity.
import { createHash } from "node:crypto";
import { Identity } from "../../identity/index.ts";
import type { ResolvedDirection, ResolvedPolicy } from "../resolve/resolve.ts";
import type { ResolvedRule } from "../resolve/units.ts";
import type { CachedSelector, SelectorCache } from "../selectors/cache.ts";
import { type Direction, directions, type PolicyEntry, type PolicyFlow } from "../types.ts";
import { type CookieRegistry, cookieHost } from "./cookies.ts";
import { type EntryLookup, findEntry, type PortEntries } from "./decide.ts";
import { anyPort, type PortPrefix, packPort, portRangeToPrefixes } from "./ports.ts";
import { withoutRedundant } from "./redundant.ts";

/** Entries that came and went. A changed entry is in both. */
export interface EntryChange {
  readonly added: readonly PolicyEntry[];
  readonly removed: readonly PolicyEntry[];
}

interface CompiledRule {
  readonly cookie: number;
  /** Undefined: any peer. */
  readonly selectors: readonly CachedSelector[] | undefined;
  readonly ports: readonly PortPrefix[];
}

interface CompiledDirection {
  readonly direction: Direction;
  readonly enforced: boolean;
  readonly host: boolean;
  readonly rules: readonly CompiledRule[];
  readonly groups: Map<number, PortEntries>;
}

/**
 * The entries of a resolved policy. Where several rules allow the same, the first one in the policy's order gives the
 * cookie. A selector that is not in the cache allows nobody.
 */
export class CompiledPolicy implements EntryLookup {
  /** Cached selectors of all rules, so that the owner knows which changes to pass on. */
  readonly selectors: ReadonlySet<CachedSelector>;
  readonly #directions: readonly CompiledDirection[];
  #entries: readonly PolicyEntry[] | undefined;
  #fingerprint: string | undefined;

  constructor(policy: ResolvedPolicy, cache: SelectorCache, cookies: CookieRegistry) {
    const compile = (rule: ResolvedRule) => compileRule(rule, cache, cookies);
    this.#directions = directions.map((direction) => compileDirection(direction, policy[direction], compile));
    this.selectors = new Set(
      this.#directions.flatMap(({ enforced, rules }) =>
        enforced ? rules.flatMap((rule) => rule.selectors ?? []) : [],
      ),
    );
    for (const compiled of this.#directions) if (compiled.enforced) fill(compiled);
  }

  /** All entries, sorted by direction, identity, protocol and port. The same array until something changes. */
  entries(): readonly PolicyEntry[] {
    this.#entries ??= this.#directions
      .flatMap(({ groups }) => Array.from(groups.values(), (group) => [...group.values()]))
      .flat()
      .sort(compareEntries);
    return this.#entries;
  }

  /** Equal for policies with equal entries and enforcement, different for others. */
  fingerprint(): string {
    this.#fingerprint ??= this.#hash();
    return this.#fingerprint;
  }

  find(flow: PolicyFlow): PolicyEntry | undefined {
    const compiled = this.#directions.find(({ direction }) => direction === flow.direction);
    return compiled === undefined ? undefined : findEntry(compiled.groups, flow);
  }

  /** Works the entries of these peers out again, after their membership of selectors changed. */
  update(identities: Iterable<number>): EntryChange {
    const added: PolicyEntry[] = [];
    const removed: PolicyEntry[] = [];
    for (const identity of new Set(identities)) {
      for (const compiled of this.#directions) {
        if (!compiled.enforced || identity === 0) continue;
        const before = compiled.groups.get(identity) ?? none;
        const after = groupOf(compiled, identity);
        if (after.size > 0) compiled.groups.set(identity, after);
        else compiled.groups.delete(identity);
        for (const [key, entry] of after) if (before.get(key)?.cookie !== entry.cookie) added.push(entry);
        for (const [key, entry] of before) if (after.get(key)?.cookie !== entry.cookie) removed.push(entry);
      }
    }
    if (added.length + removed.length > 0) {
      this.#entries = undefined;
      this.#fingerprint = undefined;
    }
    return { added, removed };
  }

  #hash(): string {
    const hash = createHash("sha256");
    for (const { direction, enforced } of this.#directions) hash.update(`${direction}=${enforced};`);
    for (const entry of this.entries()) {
      const { direction, identity, protocol, port, portPrefix, verdict, cookie, proxyPort, authType } = entry;
      hash.update(
        `${direction},${identity},${protocol},${port},${portPrefix},${verdict},${cookie},${proxyPort},${authType};`,
      );
    }
    return hash.digest("base64url");
  }
}

const none: PortEntries = new Map();

function compileDirection(
  direction: Direction,
  resolved: ResolvedDirection,
  compile: (rule: ResolvedRule) => CompiledRule,
): CompiledDirection {
  const { enforced } = resolved;
  // As in Cilium: with enforcement "always", pods that no ingress rule selects are closed to the host too.
  const host = direction === "ingress" && enforced && resolved.selected;
  return { direction, enforced, host, rules: enforced ? resolved.rules.map(compile) : [], groups: new Map() };
}

function compileRule(
  { origin, peers, ports }: ResolvedRule,
  cache: SelectorCache,
  cookies: CookieRegistry,
): CompiledRule {
  return {
    cookie: cookies.cookieOf(origin),
    selectors: peers?.flatMap((peer) => cache.get(peer) ?? []),
    ports:
      ports === undefined
        ? [anyPort]
        : ports.flatMap(({ protocols, first, last }) =>
            protocols.flatMap((protocol) => portRangeToPrefixes(protocol, first, last)),
          ),
  };
}

function fill(compiled: CompiledDirection): void {
  const identities = new Set<number>([0]);
  if (compiled.host) identities.add(Identity.host);
  for (const { selectors } of compiled.rules) {
    for (const { ids } of selectors ?? []) for (const id of ids) identities.add(id);
  }
  // Any peer (0) comes first, since the others leave out what it covers.
  for (const identity of identities) {
    const group = groupOf(compiled, identity);
    if (group.size > 0) compiled.groups.set(identity, group);
  }
}

function groupOf({ direction, host, rules, groups }: CompiledDirection, identity: number): PortEntries {
  const group = new Map<number, PolicyEntry>();
  const allow = (cookie: number, ports: PortPrefix) => {
    const key = packPort(ports);
    if (!group.has(key)) {
      group.set(key, { direction, identity, ...ports, verdict: "allow", cookie, proxyPort: 0, authType: 0 });
    }
  };
  if (host && identity === Identity.host) allow(cookieHost, anyPort);
  for (const { cookie, selectors, ports } of rules) {
    const matches = selectors === undefined ? identity === 0 : selectors.some(({ ids }) => ids.has(identity));
    if (matches) for (const prefix of ports) allow(cookie, prefix);
  }
  return withoutRedundant(group, identity === 0 ? undefined : groups.get(0));
}

function compareEntries(a: PolicyEntry, b: PolicyEntry): number {
  if (a.direction !== b.direction) return a.direction === "ingress" ? -1 : 1;
  return a.identity - b.identity || packPort(a) - packPort(b);
}
