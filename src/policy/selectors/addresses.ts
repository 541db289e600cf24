// SPDX-License-Identifier: Apache-2.0
// Identities of addresses: the labels that say which prefix and which DNS names, and whether a condition holds for them.
import {
  type Cidr,
  cidrContains,
  cidrSize,
  hostCidr,
  ipToBigInt,
  type Label,
  type Labels,
  makeLabel,
  parseCidr,
} from "../../core/index.ts";
import type { NameCondition, PrefixCondition } from "../types.ts";

/** First and last address of a prefix. */
interface AddressRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

interface PrefixRanges {
  readonly cidr: AddressRange;
  readonly except: readonly AddressRange[];
}

const ofLabels = new WeakMap<Labels, readonly AddressRange[]>();
const none: readonly AddressRange[] = [];
const ofConditions = new WeakMap<PrefixCondition, PrefixRanges>();

/** The label of a prefix as Cilium writes it: `cidr:10.0.0.0/8`, `cidr:fd00--0/64` (no colon, no dash at an end). */
export function cidrLabel(cidr: Cidr): Label {
  const ip = cidr.ip.replaceAll(":", "-").replace(/^-/, "0-").replace(/-$/, "-0");
  return makeLabel("cidr", `${ip}/${cidr.bits}`);
}

/** For each address the label of the narrowest of these prefixes around it; none for addresses that none is around. */
export function labelsOfAddresses(ips: readonly string[], prefixes: ReadonlyMap<string, Cidr>): readonly Label[] {
  return ips.flatMap((ip) => {
    const address = hostCidr(ip);
    let best: Cidr | undefined;
    for (const cidr of prefixes.values()) {
      if ((best === undefined || cidr.bits > best.bits) && cidrContains(cidr, address)) best = cidr;
    }
    return best === undefined ? [] : [cidrLabel(best)];
  });
}

/** The prefix of a `cidr:` label's key; throws FormatError. */
export function cidrOfLabelKey(key: string): Cidr {
  return parseCidr(key.replaceAll("-", ":"));
}

/** The label of addresses that a DNS name, or a name of the pattern, was answered with. Throws for an empty name. */
export function fqdnLabel(name: NameCondition): Label {
  return makeLabel("fqdn", keyOfName(name));
}

/**
 * Whether one of the labels' prefixes lies in the condition's and none in its exceptions; never without a `cidr:` label.
 * Who has several addresses (the host, a pod of both families) is excepted with any of them, as in Cilium.
 */
export function matchesPrefix(condition: PrefixCondition, labels: Labels): boolean {
  const own = rangesOfLabels(labels);
  if (own.length === 0) return false;
  const { cidr, except } = rangesOf(condition);
  if (!own.some((range) => within(range, cidr))) return false;
  return !except.some((exception) => own.some((range) => within(range, exception)));
}

/** Whether the labels have the `fqdn:` label of the condition. */
export function matchesName(condition: NameCondition, labels: Labels): boolean {
  return labels.has("fqdn", keyOfName(condition));
}

/** The bucket of a condition's prefix: of the coarse block that it lies in. Identities that it holds for have it too. */
export function bucketOfPrefix({ cidr }: PrefixCondition): string {
  return blockOf(rangeOf(cidr), cidr.bits);
}

/** The bucket of a condition on a DNS name: the key of its label. */
export function bucketOfName(name: NameCondition): string {
  return keyOfName(name);
}

/** Buckets of all coarse blocks that a prefix of the labels lies in; none without a `cidr:` label. */
export function bucketsOfPrefixes(labels: Labels): Iterable<string> {
  return new Set(rangesOfLabels(labels).flatMap((range) => [...blocksOf(range)]));
}

function* blocksOf(range: AddressRange): Iterable<string> {
  for (const bits of coarseBits[range.family]) {
    if (range.last >> hostBits(range.family, bits) !== range.first >> hostBits(range.family, bits)) return;
    yield blockOf(range, bits);
  }
}

/** Lengths of coarse blocks: few, so that an identity is in few buckets, and dense enough that few share one. */
const coarseBits = { 4: [0, 8, 16, 24, 32], 6: [0, 16, 32, 48, 64, 96, 128] } as const;

/** The largest coarse block of at most so many bits. */
function blockOf({ family, first }: AddressRange, bits: number): string {
  const coarse = coarseBits[family].findLast((length) => length <= bits) ?? 0;
  return `cidr ${family}/${coarse}/${first >> hostBits(family, coarse)}`;
}

function hostBits(family: 4 | 6, bits: number): bigint {
  return BigInt((family === 4 ? 32 : 128) - bits);
}

function keyOfName(name: NameCondition): string {
  return "matchName" in name ? name.matchName : name.matchPattern;
}

function rangesOfLabels(labels: Labels): readonly AddressRange[] {
  let ranges = ofLabels.get(labels);
  if (ranges === undefined) {
    const found: AddressRange[] = [];
    for (const { source, key } of labels) if (source === "cidr") found.push(rangeOf(cidrOfLabelKey(key)));
    ranges = found.length === 0 ? none : found;
    ofLabels.set(labels, ranges);
  }
  return ranges;
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
