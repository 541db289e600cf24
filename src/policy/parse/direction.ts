// SPDX-License-Identifier: Apache-2.0
// One item of ingress or egress: who, and which ports.
import type { Direction, DirectionRule, Selector } from "../types.ts";
import type { DocumentNode } from "./node.ts";
import { missingPeerFields, peerKinds } from "./peers/index.ts";
import { parsePortRule } from "./ports.ts";
import type { PolicyScope } from "./scope.ts";

const unsupportedFields = ["icmps", "authentication"];

/** Reads one rule. `section` names it in verdicts, such as `ingress[0]`. */
export function parseDirectionRule(
  node: DocumentNode,
  direction: Direction,
  section: string,
  scope: PolicyScope,
): DirectionRule {
  node.checkFields({
    supported: [...peerKinds.map((kind) => kind.field[direction]), "toPorts"],
    unsupported: [...missingPeerFields[direction], ...unsupportedFields],
  });
  const toPorts = node.field("toPorts");
  const portRules = toPorts.present
    ? toPorts.items().map((item, index) => parsePortRule(item, `${section}.toPorts[${index}]`))
    : [];
  return {
    section,
    action: "allow",
    peers: parsePeers(node, direction, scope),
    toPorts: portRules.length === 0 ? undefined : portRules,
  };
}

function parsePeers(node: DocumentNode, direction: Direction, scope: PolicyScope): readonly Selector[] | undefined {
  const present = peerKinds.filter((kind) => node.field(kind.field[direction]).present);
  const [kind, second] = present;
  if (kind === undefined) return undefined;
  if (second !== undefined) {
    const names = present.map((peer) => peer.field[direction]).join(" and ");
    throw node.failWith("peer-combination", `${node.pathText} has ${names}, expected one of them (use two rules)`);
  }
  return kind.parse(node.field(kind.field[direction]), scope);
}
