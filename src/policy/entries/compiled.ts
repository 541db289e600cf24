// SPDX-License-Identifier: Apache-2.0
// From a resolved policy to map entries, kept up to date identity by identity.
import { createHash } from "node:crypto";
import type { Direction, PeerEntries, PolicyEntry, PolicyFlow } from "../types.ts";
import { type EntryLookup, findEntry } from "./decide.ts";
import type { CompiledDirection } from "./direction.ts";
import type { EntryTemplate, Templates } from "./group.ts";
import { packPort } from "./ports.ts";

/** Entries that came and went. A changed entry is in both. */
export interface EntryChange {
  readonly added: readonly PolicyEntry[];
  readonly removed: readonly PolicyEntry[];
}

/** Says nothing of anybody: a direction that is open, or an endpoint that is closed. */
const nobody: PeerEntries = { groups: new Map(), version: 0, changedSince: () => [] };

/**
 * The entries of a resolved policy. Where several rules allow the same, the first one in the policy's order gives the
 * cookie. A selector that is not in the cache selects nobody. Of a policy with an error there are no entries at all.
 */
export class CompiledPolicy implements EntryLookup {
  readonly peers: Readonly<Record<Direction, PeerEntries>>;
  readonly #directions: readonly CompiledDirection[];
  /** Of the directions together, when the next two were made. */
  #version = 0;
  #entries: readonly PolicyEntry[] | undefined;
  #fingerprint: string | undefined;

  /** Of ingress and egress, or of none when the policy is an error. */
  constructor(compiled: readonly CompiledDirection[]) {
    this.#directions = compiled;
    const of = (direction: Direction) => compiled.find((item) => item.direction === direction) ?? nobody;
    this.peers = { ingress: of("ingress"), egress: of("egress") };
  }

  /** All entries, sorted by direction, identity, protocol and port. The same array until something changes. */
  entries(): readonly PolicyEntry[] {
    this.#forgetChanged();
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
    this.#forgetChanged();
    this.#fingerprint ??= this.#hash();
    return this.#fingerprint;
  }

  find(flow: PolicyFlow): PolicyEntry | undefined {
    const compiled = this.#directions.find(({ direction }) => direction === flow.direction);
    const found = compiled === undefined ? undefined : findEntry(compiled.groups, flow);
    return found && entryOf(flow.direction, found.identity, found.entry);
  }

  #forgetChanged(): void {
    const version = this.#directions.reduce((sum, direction) => sum + direction.version, 0);
    if (version === this.#version) return;
    this.#version = version;
    this.#entries = undefined;
    this.#fingerprint = undefined;
  }

  #hash(): string {
    const hash = createHash("sha256");
    if (this.#directions.length === 0) hash.update("error;");
    for (const { direction, enforced } of this.#directions) hash.update(`${direction}=${enforced};`);
    for (const entry of this.entries()) hash.update(`${entry.direction},${entry.identity},${textOf(entry)};`);
    return hash.digest("base64url");
  }
}

/** Works the entries of these peers out again, after their membership of selectors or their ports changed. */
export function updatePeers(compiled: CompiledDirection, identities: Iterable<number>): EntryChange {
  const added: PolicyEntry[] = [];
  const removed: PolicyEntry[] = [];
  for (const identity of new Set(identities)) {
    const { before, after } = compiled.update(identity);
    if (before === after) continue;
    for (const template of missingIn(before, after)) added.push(entryOf(compiled.direction, identity, template));
    for (const template of missingIn(after, before)) removed.push(entryOf(compiled.direction, identity, template));
  }
  return { added, removed };
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
