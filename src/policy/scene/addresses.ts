// SPDX-License-Identifier: Apache-2.0
// Identities of the addresses that policies speak of: one for each prefix, one for each DNS name.
import { type Cidr, formatCidr, type Label, Labels, makeLabel } from "../../core/index.ts";
import { cidrLabel, fqdnLabel } from "../selectors/addresses.ts";
import type { NameCondition, ParsedPolicy, Selector } from "../types.ts";

/** Which of the world's labels addresses have: in a cluster of one family all are just `world`. */
export type Families = "dual" | "single";

/**
 * Labels of everything outside that some policy names, without duplicates: for each prefix (of a rule or an exception)
 * the addresses that lie in it and in no narrower one, for each DNS name or pattern the addresses of its names.
 */
export function addressLabels(selectors: Iterable<Selector>, families: Families): readonly Labels[] {
  const prefixes = new Map<string, Cidr>();
  const names = new Map<string, NameCondition>();
  for (const { prefix, fqdn } of selectors) {
    for (const cidr of prefix === undefined ? [] : [prefix.cidr, ...prefix.except])
      prefixes.set(formatCidr(cidr), cidr);
    if (fqdn !== undefined) names.set(fqdnLabel(fqdn).key, fqdn);
  }
  return [
    ...Array.from(prefixes.values(), (cidr) => labelsOf(cidrLabel(cidr), worldOf(cidr, families))),
    ...Array.from(names.values(), (name) => labelsOf(fqdnLabel(name), families === "dual" ? "world-ipv4" : "world")),
  ];
}

/** All selectors that the policies' rules have for peers; references to other objects are left out. */
export function selectorsOf(policies: Iterable<ParsedPolicy>): readonly Selector[] {
  return [...policies].flatMap(({ rules }) =>
    rules.flatMap(({ ingress, egress }) =>
      [...ingress, ...egress].flatMap(({ peers = [] }) => peers.filter((peer): peer is Selector => !("kind" in peer))),
    ),
  );
}

function worldOf({ family }: Cidr, families: Families): string {
  return families === "single" ? "world" : family === 4 ? "world-ipv4" : "world-ipv6";
}

function labelsOf(label: Label, world: string): Labels {
  return Labels.parse([]).with([label, makeLabel("reserved", world)]);
}
