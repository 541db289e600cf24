// SPDX-License-Identifier: Apache-2.0
// Why a flow has no entry: who made default deny, and which rule came nearest to allowing it.
import type { Labels } from "../../core/index.ts";
import { protocolName } from "../protocols.ts";
import type { ResolvedDirection } from "../resolve/resolve.ts";
import type { ResolvedRule } from "../resolve/units.ts";
import { matchesRequirement } from "../selectors/match.ts";
import { formatRequirement } from "../selectors/selector.ts";
import type { Direction, PortMatch, Requirement, RuleOrigin } from "../types.ts";

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
  /** `protocol`, `port`, or a label of the peer such as `org`. */
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
    }
  /** By what is known now, a rule allows (or denies) it. */
  | { readonly verdict: "allow" | "deny" | "audit"; readonly rule: RuleOrigin }
  /** Now the direction is not enforced, or the endpoint is unknown. */
  | { readonly default: "allow" | "unknown" };

/** The nearest miss among a direction's rules; the first of equally near ones. */
export function nearestMiss(
  { rules }: ResolvedDirection,
  flow: DropQuestion,
  remote: Labels | undefined,
): NearestMiss | undefined {
  let best: NearestMiss | undefined;
  for (const rule of rules) {
    const fields = [...missingPeer(rule, flow, remote), ...missingPorts(rule, flow)];
    if (best === undefined || fields.length < best.fields.length) best = { rule: rule.origin, fields };
  }
  return best;
}

function missingPeer({ peers }: ResolvedRule, flow: DropQuestion, remote: Labels | undefined): NearestMissField[] {
  if (peers === undefined) return [];
  let best: readonly Requirement[] | undefined;
  for (const { requirements } of peers) {
    const failing = requirements.filter(
      (requirement) => remote === undefined || !matchesRequirement(requirement, remote),
    );
    if (best === undefined || failing.length < best.length) best = failing;
  }
  if (remote === undefined) {
    const expected = (best ?? []).map(formatRequirement).join(", ");
    return [{ field: "peer", expected, found: `identity ${flow.remoteIdentity}, whose labels are not known` }];
  }
  return (best ?? []).map((requirement) => ({
    field: requirement.source === "any" ? requirement.key : `${requirement.source}:${requirement.key}`,
    expected: formatRequirement(requirement),
    found: foundLabel(requirement, remote),
  }));
}

function foundLabel({ source, key }: Requirement, labels: Labels): string {
  const value = labels.get(source, key);
  return value === undefined ? `no ${key}` : `${key}=${value}`;
}

function missingPorts({ ports }: ResolvedRule, flow: DropQuestion): NearestMissField[] {
  if (ports === undefined) return [];
  const sameProtocol = ports.filter(({ protocols }) => protocols.includes(flow.protocol));
  const samePort = ports.filter(({ first, last }) => first <= flow.port && flow.port <= last);
  if (sameProtocol.some((match) => samePort.includes(match))) return [];
  const port = { field: "port", expected: (list: readonly PortMatch[]) => formatPorts(list), found: String(flow.port) };
  const protocol = {
    field: "protocol",
    expected: (list: readonly PortMatch[]) => formatProtocols(list),
    found: protocolName(flow.protocol),
  };
  if (sameProtocol.length > 0) return [{ ...port, expected: port.expected(sameProtocol) }];
  const wrongProtocol = { ...protocol, expected: protocol.expected(samePort.length > 0 ? samePort : ports) };
  return samePort.length > 0 ? [wrongProtocol] : [{ ...port, expected: port.expected(ports) }, wrongProtocol];
}

function formatPorts(ports: readonly PortMatch[]): string {
  const texts = ports.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`));
  return [...new Set(texts)].join(", ");
}

function formatProtocols(ports: readonly PortMatch[]): string {
  return [...new Set(ports.flatMap(({ protocols }) => protocols.map(protocolName)))].join(", ");
}
