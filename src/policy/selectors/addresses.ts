// SPDX-License-Identifier: Apache-2.0
// Identities of addresses: the labels that say which prefix and which DNS names, and whether a condition holds for them.
import { type Cidr, cidrSize, ipToBigInt, type Label, type Labels, makeLabel, parseCidr } from "../../core/index.ts";
import type { NameCondition, PrefixCondition } from "../types.ts";

/** First and last address of a prefix. */
interface AddressRange {
  readonly family: number;
  readonly first: bigint;
  readonly last: bigint;
}

interface PrefixRanges {
  readonly cidr: AddressRange;
  readonly except: readonly AddressRange[];
}

const ofLabels = new WeakMap<Labels, AddressRange | null>();
const ofConditions = new WeakMap<PrefixCondition, PrefixRanges>();

/** The label of a prefix as Cilium writes it: `cidr:10.0.0.0/8`, `cidr:fd00--0/64` (no colon, no dash at an end). */
export function cidrLabel(cidr: Cidr): Label {
  const ip = cidr.ip.replaceAll(":", "-").replace(/^-/, "0-").replace(/-$/, "-0");
  return makeLabel("cidr", `${ip}/${cidr.bits}`);
}

/** The prefix of a `cidr:` label's key; throws FormatError. */
export function cidrOfLabelKey(key: string): Cidr {
  return parseCidr(key.replaceAll("-", ":"));
}

/** The label of addresses that a DNS name, or a name of the pattern, was answered with. Throws for an empty name. */
export function fqdnLabel(name: NameCondition): Label {
  return makeLabel("fqdn", keyOfName(name));
}

/** Whether the labels' prefix lies in the condition's and in none of its exceptions; never without a `cidr:` label. */
export function matchesPrefix(condition: PrefixCondition, labels: Labels): boolean {
  const range = rangeOfLabels(labels);
  if (range === null) return false;
  const { cidr, except } = rangesOf(condition);
  return within(range, cidr) && !except.some((exception) => within(range, exception));
}

/** Whether the labels have the `fqdn:` label of the condition. */
export function matchesName(condition: NameCondition, labels: Labels): boolean {
  return labels.has("fqdn", keyOfName(condition));
}

function keyOfName(name: NameCondition): string {
  return "matchName" in name ? name.matchName : name.matchPattern;
}

function rangeOfLabels(labels: Labels): AddressRange | null {
  let range = ofLabels.get(labels);
  if (range === undefined) {
    range = null;
    for (const { source, key } of labels) if (source === "cidr") range = rangeOf(cidrOfLabelKey(key));
    ofLabels.set(labels, range);
  }
  return range;
}

function rangesOf(condition: PrefixCondition): PrefixRanges {
  let ranges = ofConditions.get(condition);
  if (ranges === undefined) {
    ranges = { cidr: rangeOf(condition.cidr), except: condition.except.map(rangeOf) };
    ofConditions.set(condition, ranges);
  }
  return ranges;
}

function rangeOf(cidr: Cidr): AddressRange {
  const first = ipToBigInt(cidr.ip);
  return { family: cidr.family, first, last: first + cidrSize(cidr) - 1n };
}

function within(inner: AddressRange, outer: AddressRange): boolean {
  return inner.family === outer.family && inner.first >= outer.first && inner.last <= outer.last;
}
