// SPDX-License-Identifier: Apache-2.0
// From a resolved policy to map entries, kept up to date identity by identity.
import { createHash } from "node:crypto";
import type { ResolvedPolicy } from "../resolve/resolve.ts";
import type { CachedSelector, SelectorCache } from "../selectors/cache.ts";
import { type Direction, directions, type PolicyEntry, type PolicyFlow } from "../types.ts";
import type { CookieRegistry } from "./cookies.ts";
import { type EntryLookup, findEntry } from "./decide.ts";
import { CompiledDirection } from "./direction.ts";
import type { EntryTemplate, Templates } from "./group.ts";
import { NamedPorts } from "./named-ports.ts";
import { packPort } from "./ports.ts";

/** Entries that came and went. A changed entry is in both. */
export interface EntryChange {
  readonly added: readonly PolicyEntry[];
  readonly removed: readonly PolicyEntry[];
}

/**
 * The entries of a resolved policy. Where several rules allow the same, the first one in the policy's order gives the
 * cookie. A selector that is not in the cache selects nobody. Of a policy with an error there are no entries at all.
 */
export class CompiledPolicy implements EntryLookup {
  /** Cached selectors of all rules, so that the owner knows which changes to pass on. */
  readonly selectors: ReadonlySet<CachedSelector>;
  /** Whether entries depend on named ports of peers. */
  readonly usesNames: boolean;
  readonly #directions: readonly CompiledDirection[];
  #entries: readonly PolicyEntry[] | undefined;
  #fingerprint: string | undefined;

  constructor(
    policy: ResolvedPolicy,
    cache: SelectorCache,
    cookies: CookieRegistry,
    namedPorts: NamedPorts = new NamedPorts(),
  ) {
    const compile = (direction: Direction) =>
      new CompiledDirection(direction, policy[direction], cache, cookies, namedPorts);
    this.#directions = policy.error === undefined ? directions.map(compile) : [];
    this.selectors = new Set(this.#directions.flatMap(({ selectors }) => [...selectors]));
    this.usesNames = this.#directions.some(({ usesNames }) => usesNames);
  }

  /** All entries, sorted by direction, identity, protocol and port. The same array until something changes. */
  entries(): readonly PolicyEntry[] {
    this.#entries ??= this.#directions.flatMap(({ direction, groups }) =>
      [...groups]
        .sort(([a], [b]) => a - b)
        .flatMap(([identity, group]) =>
          [...group].sort(([a], [b]) => a - b).map(([, template]) => entryOf(direction, identity, template)),
        ),
    );
    return this.#entries;
  }

  /** Equal for policies with equal entries and enforcement, different for others. */
  fingerprint(): string {
    this.#fingerprint ??= this.#hash();
    return this.#fingerprint;
  }

  find(flow: PolicyFlow): PolicyEntry | undefined {
    const compiled = this.#directions.find(({ direction }) => direction === flow.direction);
    const found = compiled === undefined ? undefined : findEntry(compiled.groups, flow);
    return found && entryOf(flow.direction, found.identity, found.entry);
  }

  /** Works the entries of these peers out again, after their membership of selectors or their ports changed. */
  update(identities: Iterable<number>): EntryChange {
    const added: PolicyEntry[] = [];
    const removed: PolicyEntry[] = [];
    for (const identity of new Set(identities)) {
      for (const compiled of this.#directions) {
        const { before, after } = compiled.update(identity);
        if (before === after) continue;
        for (const template of missingIn(before, after)) added.push(entryOf(compiled.direction, identity, template));
        for (const template of missingIn(after, before)) removed.push(entryOf(compiled.direction, identity, template));
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
    if (this.#directions.length === 0) hash.update("error;");
    for (const { direction, enforced } of this.#directions) hash.update(`${direction}=${enforced};`);
    for (const entry of this.entries()) hash.update(`${entry.direction},${entry.identity},${textOf(entry)};`);
    return hash.digest("base64url");
  }
}

function entryOf(direction: Direction, identity: number, template: EntryTemplate): PolicyEntry {
  return { direction, identity, ...template };
}

/** Entries of `after` that `before` does not have so. */
function* missingIn(before: Templates, after: Templates): Iterable<EntryTemplate> {
  for (const [key, template] of after) {
    const present = before.get(key);
    if (present !== template && (present === undefined || textOf(present) !== textOf(template))) yield template;
  }
}

function textOf(template: EntryTemplate): string {
  const { verdict, cookie, proxyPort, authType, isDefault = false, staged, l7 } = template;
  const plain = `${packPort(template)},${verdict},${cookie},${proxyPort},${authType},${isDefault}`;
  return staged === undefined && l7 === undefined ? plain : `${plain},${staged?.verdict},${staged?.cookie},${l7?.text}`;
}
