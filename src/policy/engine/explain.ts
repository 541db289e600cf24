// SPDX-License-Identifier: Apache-2.0
// Why a flow has no entry: who made default deny, and which rule came nearest to allowing it.
import { formatCidr, type Labels } from "../../core/index.ts";
import { IpProtocol, protocolName } from "../protocols.ts";
import { numbersOf, type ResolvedDirection } from "../resolve/resolve.ts";
import type { ResolvedRule } from "../resolve/units.ts";
import { matchesName, matchesPrefix } from "../selectors/addresses.ts";
import { matchesRequirement } from "../selectors/match.ts";
import { formatRequirement } from "../selectors/selector.ts";
import type {
  Direction,
  NameCondition,
  NamedPort,
  PortMatch,
  PrefixCondition,
  Requirement,
  RuleOrigin,
  Selector,
} from "../types.ts";

/** A flow that was dropped. */
export interface DropQuestion {
  readonly direction: Direction;
  readonly localIdentity: number;
  readonly remoteIdentity: number;
  readonly protocol: number;
  /** Destination port; for ICMP the type. */
  readonly port: number;
}

/** One thing that would have to be otherwise. */
export interface NearestMissField {
  /** `protocol`, `port`, `type` (of ICMP), `address`, `name`, or a label of the peer such as `org`. */
  readonly field: string;
  readonly expected: string;
  readonly found: string;
}

/** The rule that differs in the fewest fields. */
export interface NearestMiss {
  readonly rule: RuleOrigin;
  readonly fields: readonly NearestMissField[];
}

export type DropExplanation =
  | {
      readonly default: "deny";
      /** Policies that made default deny, `namespace/name`; empty when the mode or a missing identity did. */
      readonly by: readonly string[];
      readonly nearestMiss?: NearestMiss;
      /** Why the endpoint's policy cannot be computed; then everything is denied. */
      readonly error?: string;
    }
  /** By what is known now, a rule allows (or denies) it. */
  | { readonly verdict: "allow" | "deny" | "audit"; readonly rule: RuleOrigin }
  /** Now the direction is not enforced, or the endpoint is unknown. */
  | { readonly default: "allow" | "unknown" };

/** What is known of the other side. */
export interface RemotePeer {
  readonly labels: Labels | undefined;
  readonly namedPorts: readonly NamedPort[];
}

/** The nearest miss among the rules in force that allow; the first of equally near ones. */
export function nearestMiss(
  { rules }: ResolvedDirection,
  flow: DropQuestion,
  remote: RemotePeer,
): NearestMiss | undefined {
  let best: NearestMiss | undefined;
  for (const rule of rules) {
    if (rule.action !== "allow" || rule.stage === "staged") continue;
    const fields = missingFields(rule, flow, remote);
    if (best === undefined || fields.length < best.fields.length) best = { rule: rule.origin, fields };
  }
  return best;
}

/** What would have to be otherwise for a rule to speak of a flow; nothing when it does. */
export function missingFields(rule: ResolvedRule, flow: DropQuestion, remote: RemotePeer): readonly NearestMissField[] {
  return [...missingPeer(rule, flow, remote.labels), ...missingPorts(rule, flow, remote.namedPorts)];
}

/** One condition of a selector, in words. */
interface Condition {
  readonly field: string;
  readonly expected: string;
  readonly holds: (labels: Labels) => boolean;
  readonly found: (labels: Labels) => string;
}

function missingPeer({ peers }: ResolvedRule, flow: DropQuestion, remote: Labels | undefined): NearestMissField[] {
  if (peers === undefined) return [];
  let best: readonly Condition[] | undefined;
  for (const peer of peers) {
    const failing = conditionsOf(peer).filter(({ holds }) => remote === undefined || !holds(remote));
    if (best === undefined || failing.length < best.length) best = failing;
  }
  if (remote === undefined) {
    const expected = (best ?? []).map((condition) => condition.expected).join(", ");
    return [{ field: "peer", expected, found: `identity ${flow.remoteIdentity}, whose labels are not known` }];
  }
  return (best ?? []).map(({ field, expected, found }) => ({ field, expected, found: found(remote) }));
}

function conditionsOf({ requirements, prefix, fqdn }: Selector): readonly Condition[] {
  return [
    ...requirements.map(labelCondition),
    ...(prefix === undefined ? [] : [addressCondition(prefix)]),
    ...(fqdn === undefined ? [] : [nameCondition(fqdn)]),
  ];
}

function labelCondition(requirement: Requirement): Condition {
  const { source, key } = requirement;
  return {
    field: source === "any" ? key : `${source}:${key}`,
    expected: formatRequirement(requirement),
    holds: (labels) => matchesRequirement(requirement, labels),
    found: (labels) => {
      const value = labels.get(source, key);
      return value === undefined ? `no ${key}` : `${key}=${value}`;
    },
  };
}

function addressCondition(prefix: PrefixCondition): Condition {
  const except = prefix.except.length === 0 ? "" : ` except ${prefix.except.map(formatCidr).join(", ")}`;
  return {
    field: "address",
    expected: `${formatCidr(prefix.cidr)}${except}`,
    holds: (labels) => matchesPrefix(prefix, labels),
    found: (labels) => keysOf(labels, "cidr") ?? "no address outside of the cluster",
  };
}

function nameCondition(fqdn: NameCondition): Condition {
  return {
    field: "name",
    expected: "matchName" in fqdn ? fqdn.matchName : fqdn.matchPattern,
    holds: (labels) => matchesName(fqdn, labels),
    found: (labels) => keysOf(labels, "fqdn") ?? "no known name",
  };
}

function keysOf(labels: Labels, source: string): string | undefined {
  const keys = [...labels].filter((label) => label.source === source).map(({ key }) => key);
  return keys.length === 0 ? undefined : keys.join(", ");
}

function missingPorts(
  { ports }: ResolvedRule,
  flow: DropQuestion,
  remotePorts: readonly NamedPort[],
): NearestMissField[] {
  if (ports === undefined) return [];
  const covers = (match: PortMatch) =>
    numbersOf(match, remotePorts).some(({ first, last }) => first <= flow.port && flow.port <= last);
  const sameProtocol = ports.filter(({ protocols }) => protocols.includes(flow.protocol));
  const samePort = ports.filter(covers);
  if (sameProtocol.some(covers)) return [];
  const port = (list: readonly PortMatch[]) => ({
    field: isIcmp(flow.protocol) && list === sameProtocol ? "type" : "port",
    expected: formatPorts(list),
    found: String(flow.port),
  });
  const protocol = (list: readonly PortMatch[]) => ({
    field: "protocol",
    expected: formatProtocols(list),
    found: protocolName(flow.protocol),
  });
  if (sameProtocol.length > 0) return [port(sameProtocol)];
  return samePort.length > 0 ? [protocol(samePort)] : [port(ports), protocol(ports)];
}

function isIcmp(protocol: number): boolean {
  return protocol === IpProtocol.icmp || protocol === IpProtocol.icmpv6;
}

function formatPorts(ports: readonly PortMatch[]): string {
  const texts = ports.map(({ first, last, name }) => name ?? (first === last ? String(first) : `${first}-${last}`));
  return [...new Set(texts)].join(", ");
}

function formatProtocols(ports: readonly PortMatch[]): string {
  return [...new Set(ports.flatMap(({ protocols }) => protocols.map(protocolName)))].join(", ");
}
