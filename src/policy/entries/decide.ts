// SPDX-License-Identifier: Apache-2.0
// What the kernel would decide: the look-up order of bpf/abi/policy.h on a list of entries.
import type { Direction, PolicyEntry, PolicyFlow, Verdict } from "../types.ts";
import { packCovering, packPort } from "./ports.ts";

/** Names of the match types of a policy verdict event (enum policy_match). */
export type PolicyMatch = "none" | "l3-only" | "l3-l4" | "l4-only" | "all" | "l3-proto" | "proto-only";

export interface Decision {
  readonly verdict: Verdict;
  /** 0: no entry matched. */
  readonly cookie: number;
  readonly match: PolicyMatch;
  readonly entry?: PolicyEntry;
}

/** Anything that finds the deciding entry of a flow. */
export interface EntryLookup {
  find(flow: PolicyFlow): PolicyEntry | undefined;
}

/** What is known of one identity in one direction, by packed port. */
type ByPort<Entry> = ReadonlyMap<number, Entry>;

/** Entries in a form that answers quickly; make it once for many flows. */
export class EntryIndex implements EntryLookup {
  readonly #identities: Readonly<Record<Direction, Map<number, Map<number, PolicyEntry>>>> = {
    ingress: new Map(),
    egress: new Map(),
  };

  constructor(entries: Iterable<PolicyEntry>) {
    for (const entry of entries) {
      const identities = this.#identities[entry.direction];
      const ports = identities.get(entry.identity);
      if (ports === undefined) identities.set(entry.identity, new Map([[packPort(entry), entry]]));
      else ports.set(packPort(entry), entry);
    }
  }

  /** The entry that decides: those of the identity before those of any, the most exact port first. */
  find(flow: PolicyFlow): PolicyEntry | undefined {
    return findEntry(this.#identities[flow.direction], flow)?.entry;
  }
}

/** The deciding entry of one direction's entries by identity, and whose it is (0: any). */
export function findEntry<Entry>(
  identities: ReadonlyMap<number, ByPort<Entry>>,
  flow: PolicyFlow,
): { readonly identity: number; readonly entry: Entry } | undefined {
  const own = flow.identity === 0 ? undefined : longest(identities.get(flow.identity), flow);
  if (own !== undefined) return { identity: flow.identity, entry: own };
  const any = longest(identities.get(0), flow);
  return any && { identity: 0, entry: any };
}

/** The verdict on a flow of a direction that is enforced; without a matching entry it is denied. */
export function decide(entries: EntryLookup | readonly PolicyEntry[], flow: PolicyFlow): Decision {
  const entry = (Array.isArray(entries) ? new EntryIndex(entries) : (entries as EntryLookup)).find(flow);
  if (entry === undefined) return { verdict: "deny", cookie: 0, match: "none" };
  return { verdict: entry.verdict, cookie: entry.cookie, match: matchOf(entry), entry };
}

function longest<Entry>(ports: ByPort<Entry> | undefined, { protocol, port }: PolicyFlow): Entry | undefined {
  if (ports === undefined) return undefined;
  for (let length = 16; length >= 0; length--) {
    const entry = ports.get(packCovering(protocol, port, length));
    if (entry !== undefined) return entry;
  }
  return ports.get(0);
}

function matchOf({ identity, protocol, portPrefix }: PolicyEntry): PolicyMatch {
  if (protocol === 0) return identity === 0 ? "all" : "l3-only";
  if (portPrefix === 0) return identity === 0 ? "proto-only" : "l3-proto";
  return identity === 0 ? "l4-only" : "l3-l4";
}
