// SPDX-License-Identifier: Apache-2.0
// fromCIDRSet and toCIDRSet: a prefix or CIDR groups, without exceptions.
import { prefixSelector } from "../../selectors/address-selector.ts";
import { makeSelector } from "../../selectors/selector.ts";
import type { Peer, Requirement, Selector } from "../../types.ts";
import type { DocumentNode } from "../node.ts";
import { parseSelector } from "../selector.ts";
import { parseExceptions, parsePrefix } from "./cidrs.ts";
import type { PeerKind } from "./types.ts";

const sources = ["cidr", "cidrGroupRef", "cidrGroupSelector"];

export const cidrSets = {
  field: { ingress: "fromCIDRSet", egress: "toCIDRSet" },
  deniable: true,
  parse: (node) => node.items().map(parseCidrSet),
} satisfies PeerKind;

function parseCidrSet(node: DocumentNode): Peer {
  node.checkFields([...sources, "except"]);
  const [cidr, group, selectorNode] = [node.field("cidr"), node.field("cidrGroupRef"), node.field("cidrGroupSelector")];
  const selector = selectorNode.present ? groupSelector(selectorNode) : undefined;
  const given = [cidr, group, selectorNode].filter(({ value }) => value !== undefined && value !== "");
  if (given.length !== 1) {
    const problem = `${node.pathText} has ${given.length} of ${sources.join(", ")}, expected exactly one`;
    throw node.failWith("cidr-source", problem);
  }
  if (selector !== undefined) return { kind: "cidr-group-selector", selector, except: parseExcept(node) };
  if (given[0] === group) return { kind: "cidr-group", name: group.string(), except: parseExcept(node) };
  const outer = parsePrefix(cidr);
  return prefixSelector(outer, parseExceptions(node.field("except").optionalItems(), outer));
}

/** Exceptions from groups need not lie inside of anything. */
function parseExcept(node: DocumentNode) {
  return node.field("except").optionalItems().map(parsePrefix);
}

/** Bare keys and those with source `cidrgroup` are the groups' own labels; keys of other sources match no group. */
function groupSelector(node: DocumentNode): Selector {
  const { matchLabels, matchExpressions } = parseSelector(node);
  const own = ({ source, ...rest }: Requirement) => ({ source: source === "any" ? "cidrgroup" : source, ...rest });
  return makeSelector([...matchLabels, ...matchExpressions].map(own));
}
