// SPDX-License-Identifier: Apache-2.0
// CIDR blocks that cover pods or nodes, which CIDR rules match only where policy-cidr-match-mode says so.
import { cidrContains, formatCidr, hostCidr, parseCidr } from "../../core/index.ts";
import { directions, type ParsedPolicy, type PrefixCondition } from "../types.ts";

/** Somebody inside of the cluster, by address. */
export interface ClusterAddress {
  readonly kind: "pods" | "nodes";
  /** `namespace/pod`, or the node's name. */
  readonly name: string;
  readonly ip: string;
}

/** A block that does not mean everybody whom it covers. */
export interface CoveredBlock {
  /** Such as `ingress[0]`. */
  readonly section: string;
  /** `10.0.0.0/8`. */
  readonly block: string;
  readonly kind: ClusterAddress["kind"];
  readonly covered: readonly ClusterAddress[];
}

/** Blocks of a policy's rules that cover addresses of kinds that `matchMode` leaves out. */
export function coveredBlocks(
  policy: ParsedPolicy,
  addresses: readonly ClusterAddress[],
  matchMode: readonly string[],
): readonly CoveredBlock[] {
  const left = addresses.filter(({ kind }) => !matchMode.includes(kind));
  return blocksOf(policy).flatMap(({ section, prefix }) => {
    const covered = left.filter(({ ip }) => contains(prefix, ip));
    return (["pods", "nodes"] as const).flatMap((kind): CoveredBlock[] => {
      const ofKind = covered.filter((address) => address.kind === kind);
      return ofKind.length === 0 ? [] : [{ section, block: formatCidr(prefix.cidr), kind, covered: ofKind }];
    });
  });
}

/** `… covers 3 pods (such as default/web, 10.0.0.7), whom CIDR rules do not match (…)`. */
export function describeCovered({ section, block, kind, covered }: CoveredBlock): string {
  const [first] = covered;
  const example = first === undefined ? "" : ` (such as ${first.name}, ${first.ip})`;
  return `${section}: ${block} covers ${covered.length} ${kind}${example}, whom CIDR rules do not match (policy-cidr-match-mode has no "${kind}"; use labels or entities)`;
}

function blocksOf({ rules }: ParsedPolicy): readonly { section: string; prefix: PrefixCondition }[] {
  const items = rules.flatMap((rule) => directions.flatMap((direction) => rule[direction]));
  return items.flatMap(({ section, peers = [] }) =>
    peers.flatMap((peer) => ("kind" in peer || peer.prefix === undefined ? [] : [{ section, prefix: peer.prefix }])),
  );
}

function contains({ cidr, except }: PrefixCondition, ip: string): boolean {
  const address = parseCidr(hostCidr(ip));
  // A block for everything, such as 0.0.0.0/0, is meant for the world.
  if (cidr.bits === 0 || !cidrContains(cidr, address)) return false;
  return !except.some((exception) => cidrContains(exception, address));
}
