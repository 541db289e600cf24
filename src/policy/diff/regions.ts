// SPDX-License-Identifier: Apache-2.0
// What a resolved policy says to one peer on every protocol and port, cut into regions with one answer each.

import { decide, EntryIndex } from "../entries/decide.ts";
import { portRange } from "../entries/ports.ts";
import { maxPort } from "../protocols.ts";
import type { Direction, EndpointPolicy, PolicyEntry, Verdict } from "../types.ts";

/** The answer to a new flow. */
export interface RegionVerdict {
  /** `redirect`: allowed, as far as the proxy lets each request pass; `error`: the policy cannot be computed. */
  readonly verdict: Verdict | "redirect" | "error";
  /** Of the rule that decided; 0: none. */
  readonly cookie: number;
  /** What else has to be equal for equal answers: the proxy's rules, authentication. */
  readonly detail: string;
}

/** Ports `first` to `last` of a protocol (ICMP: types). Protocol 0: every protocol without a region of its own. */
export interface Region extends RegionVerdict {
  readonly protocol: number;
  readonly first: number;
  readonly last: number;
}

/** A protocol number that IANA keeps for experiments: no rule can name it. */
const unnamedProtocol = 253;
const open: RegionVerdict = { verdict: "allow", cookie: 0, detail: "" };
const closed: RegionVerdict = { verdict: "deny", cookie: 0, detail: "" };

/** A resolved policy that answers for whole ranges. Make it once for many peers. */
export class RegionView {
  readonly #policy: EndpointPolicy;
  readonly #index: EntryIndex;
  readonly #byIdentity: Readonly<Record<Direction, Map<number, PolicyEntry[]>>> = {
    ingress: new Map(),
    egress: new Map(),
  };

  constructor(policy: EndpointPolicy) {
    this.#policy = policy;
    this.#index = new EntryIndex(policy.entries);
    for (const entry of policy.entries) {
      const identities = this.#byIdentity[entry.direction];
      const entries = identities.get(entry.identity);
      if (entries === undefined) identities.set(entry.identity, [entry]);
      else entries.push(entry);
    }
  }

  /** All regions of a peer, by protocol and port; together they cover everything, and neighbours differ. */
  regions(direction: Direction, identity: number): readonly Region[] {
    const whole = (verdict: RegionVerdict): Region[] => [{ protocol: 0, first: 0, last: maxPort, ...verdict }];
    if (this.#policy.error !== undefined) return whole({ ...closed, verdict: "error" });
    const enforced = direction === "ingress" ? this.#policy.ingressEnforced : this.#policy.egressEnforced;
    if (!enforced) return whole(open);
    const identities = this.#byIdentity[direction];
    const entries = [...(identities.get(identity) ?? []), ...(identity === 0 ? [] : (identities.get(0) ?? []))];
    const regions = whole(this.#ask(direction, identity, unnamedProtocol, 0));
    for (const protocol of protocolsOf(entries)) {
      for (const { first, last } of pieces(entries.filter((entry) => entry.protocol === protocol))) {
        append(regions, { protocol, first, last, ...this.#ask(direction, identity, protocol, first) });
      }
    }
    return regions;
  }

  #ask(direction: Direction, identity: number, protocol: number, port: number): RegionVerdict {
    const { verdict, cookie, entry } = decide(this.#index, { direction, identity, protocol, port });
    const detail = [entry?.l7?.text, entry?.authType || undefined].filter((part) => part !== undefined).join(" ");
    return { verdict: verdict === "allow" && entry?.l7 !== undefined ? "redirect" : verdict, cookie, detail };
  }
}

/** Whether two answers let the same traffic pass in the same way, whichever rule gave them. */
export function sameVerdict(a: RegionVerdict, b: RegionVerdict): boolean {
  return a.verdict === b.verdict && a.detail === b.detail;
}

/** Pairs what two sets of regions say, over the finest cut of both; neighbours with equal pairs are one. */
export function overlay<T>(
  a: readonly Region[],
  b: readonly Region[],
  join: (a: RegionVerdict, b: RegionVerdict) => T,
  same: (a: T, b: T) => boolean,
): readonly (T & Pick<Region, "protocol" | "first" | "last">)[] {
  const joined: (T & Pick<Region, "protocol" | "first" | "last">)[] = [];
  const protocols = [...new Set([...a, ...b].map(({ protocol }) => protocol))].sort((x, y) => x - y);
  for (const protocol of protocols) {
    const [left, right] = [ofProtocol(a, protocol), ofProtocol(b, protocol)];
    for (const { first, last } of cut([...left, ...right])) {
      const value = join(at(left, first), at(right, first));
      const before = joined.at(-1);
      if (before?.protocol === protocol && same(before, value)) joined[joined.length - 1] = { ...before, last };
      else joined.push({ ...value, protocol, first, last });
    }
  }
  return joined;
}

function ofProtocol(regions: readonly Region[], protocol: number): readonly Region[] {
  const own = regions.filter((region) => region.protocol === protocol);
  return own.length > 0 ? own : regions.filter((region) => region.protocol === 0);
}

function at(regions: readonly Region[], port: number): RegionVerdict {
  const region = regions.find(({ first, last }) => first <= port && port <= last);
  if (region === undefined) throw new RangeError(`No region of port ${port}`);
  return region;
}

function append(regions: Region[], region: Region): void {
  const before = regions.at(-1);
  const joins = before?.protocol === region.protocol && before.cookie === region.cookie && sameVerdict(before, region);
  if (before !== undefined && joins) regions[regions.length - 1] = { ...before, last: region.last };
  else regions.push(region);
}

function protocolsOf(entries: readonly PolicyEntry[]): readonly number[] {
  const named = entries.map(({ protocol }) => protocol).filter((protocol) => protocol !== 0);
  return [...new Set(named)].sort((a, b) => a - b);
}

/** The ports 0 to 65535, cut wherever an entry begins or ends. */
function pieces(entries: readonly PolicyEntry[]): readonly { first: number; last: number }[] {
  return cut([{ first: 0, last: maxPort }, ...entries.map(portRange)]);
}

function cut(ranges: readonly { first: number; last: number }[]): readonly { first: number; last: number }[] {
  const starts = [...new Set(ranges.flatMap(({ first, last }) => [first, last + 1]))].sort((a, b) => a - b);
  return starts.slice(0, -1).map((first, index) => ({ first, last: (starts[index + 1] ?? first + 1) - 1 }));
}
