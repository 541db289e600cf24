// SPDX-License-Identifier: Apache-2.0
// Blocks of everything, such as 0.0.0.0/0: with nodes as the only match mode they leave nodes out, as in Cilium 1.20.
import type { DirectionRule, Peer, Requirement, Rule } from "../types.ts";

/** Whether blocks of everything mean less than their addresses say; see `policy-cidr-match-mode`. */
export function wholeWorldLeavesOutNodes(cidrMatchMode: readonly string[]): boolean {
  return cidrMatchMode.includes("nodes") && !cidrMatchMode.includes("pods");
}

/** The rules with peers of such blocks narrowed to addresses that are no node's. */
export function withoutNodesInWholeWorld(rules: readonly Rule[]): readonly Rule[] {
  return rules.map((rule) => ({ ...rule, ingress: rule.ingress.map(narrow), egress: rule.egress.map(narrow) }));
}

const noNode = ["host", "remote-node"].map(
  (key): Requirement => ({ source: "reserved", key, operator: "DoesNotExist", values: [] }),
);

function narrow(rule: DirectionRule): DirectionRule {
  return rule.peers === undefined ? rule : { ...rule, peers: rule.peers.map(narrowPeer) };
}

function narrowPeer(peer: Peer): Peer {
  if ("kind" in peer || peer.prefix?.cidr.bits !== 0) return peer;
  return { ...peer, requirements: [...peer.requirements, ...noNode] };
}
