// SPDX-License-Identifier: Apache-2.0
// Items of ingress, ingressDeny, egress and egressDeny: who, which ports, which ICMP types.
import type { AuthenticationMode, Direction, DirectionRule, PortRule, RuleAction } from "../types.ts";
import { parseIcmpRule } from "./icmp.ts";
import { checkL7Sections } from "./l7.ts";
import type { DocumentNode } from "./node.ts";
import { peerKinds } from "./peers/index.ts";
import type { PeerKind } from "./peers/types.ts";
import { parseDenyPortRule, parsePortRule } from "./ports.ts";
import type { PolicyScope } from "./scope.ts";

/** What an item is read in. */
export interface RuleSurroundings {
  /** Before sections: empty, or `specs[n].`. */
  readonly prefix: string;
  readonly scope: PolicyScope;
  /** Whether the subject is a node. */
  readonly hostPolicy: boolean;
}

const authenticationModes: readonly AuthenticationMode[] = ["disabled", "required", "test-always-fail"];
const requires: Readonly<Record<Direction, string>> = { ingress: "fromRequires", egress: "toRequires" };

/** Reads a list of rules; none when it is missing. `name` is the list's field. */
export function parseDirectionRules(
  node: DocumentNode,
  name: "ingress" | "ingressDeny" | "egress" | "egressDeny",
  surroundings: RuleSurroundings,
): readonly DirectionRule[] {
  if (!node.present) return [];
  const direction: Direction = name.startsWith("ingress") ? "ingress" : "egress";
  const action: RuleAction = name.endsWith("Deny") ? "deny" : "allow";
  return node.items().map((item, index) => {
    const section = `${surroundings.prefix}${name}[${index}]`;
    return parseDirectionRule(item, { direction, action, section }, surroundings);
  });
}

function parseDirectionRule(
  node: DocumentNode,
  rule: { readonly direction: Direction; readonly action: RuleAction; readonly section: string },
  { scope, hostPolicy }: RuleSurroundings,
): DirectionRule {
  const { direction, action } = rule;
  const allows = action === "allow";
  const kinds = peerKinds.filter((kind) => kind.field[direction] !== undefined && (allows || kind.deniable));
  const peerFields = kinds.flatMap((kind) => kind.field[direction] ?? []);
  const common = [...peerFields, requires[direction], "toPorts", "icmps"];
  node.checkFields(allows ? [...common, "authentication"] : common);
  refuseRequires(node.field(requires[direction]));
  const peers = parsePeers(node, kinds, direction, scope);
  if (allows) checkL7Sections(node.field("toPorts"), direction, hostPolicy);
  const toPorts = parsePorts(node, rule);
  const authentication = node.field("authentication");
  return {
    section: rule.section,
    action,
    ...peers,
    toPorts,
    ...(authentication.present ? { authentication: parseAuthentication(authentication) } : {}),
  };
}

/** Ports and ICMP types in one list; undefined when there is neither. */
function parsePorts(
  node: DocumentNode,
  { direction, action, section }: { direction: Direction; action: RuleAction; section: string },
): readonly PortRule[] | undefined {
  const items = (name: string) => node.field(name).optionalItems();
  const [ports, icmps] = [items("toPorts"), items("icmps")];
  if (ports.length > 0 && icmps.length > 0) {
    throw node.failWith(
      "icmp-with-ports",
      `${node.pathText} has toPorts and icmps, expected one of them (use two rules)`,
    );
  }
  const rules = [
    ...ports.map((item, index) => {
      const name = `${section}.toPorts[${index}]`;
      return action === "allow" ? parsePortRule(item, name, direction) : parseDenyPortRule(item, name);
    }),
    ...icmps.map((item, index) => parseIcmpRule(item, `${section}.icmps[${index}]`)),
  ];
  return rules.length === 0 ? undefined : rules;
}

/** Undefined without any peer field. An empty list is nobody, also beside another peer field, or says nothing. */
function parsePeers(
  node: DocumentNode,
  kinds: readonly PeerKind[],
  direction: Direction,
  scope: PolicyScope,
): Pick<DirectionRule, "peers" | "emptyPeers"> {
  const given = kinds
    .map((kind) => ({ kind, list: node.field(kind.field[direction] ?? "") }))
    .filter(({ list }) => list.present);
  const present = given.filter(({ kind, list }) => kind.emptySaysNothing !== true || list.items().length > 0);
  const filled = present.filter(({ list }) => list.items().length > 0);
  const [first, second] = filled;
  if (second !== undefined) {
    const names = filled.map(({ kind }) => kind.field[direction]).join(" and ");
    throw node.failWith("peer-combination", `${node.pathText} has ${names}, expected one of them (use two rules)`);
  }
  const silent = given.find((item) => !present.includes(item))?.kind.field[direction];
  const emptyPeers = silent === undefined ? {} : { emptyPeers: silent };
  if (present.length === 0) return { peers: undefined, ...emptyPeers };
  const peers = first === undefined ? [] : first.kind.parse(first.list, scope);
  return { peers: present.length > filled.length ? [] : peers, ...emptyPeers };
}

function refuseRequires(node: DocumentNode): void {
  if (!node.present || node.items().length === 0) return;
  const problem = `Field "${node.pathText}" is not supported (Cilium has given it up; write the requirement into the peers)`;
  throw node.failWith("not-supported", problem);
}

function parseAuthentication(node: DocumentNode): AuthenticationMode {
  node.checkFields(["mode"]);
  const found = authenticationModes.find((mode) => mode === node.field("mode").value);
  if (found === undefined) throw node.field("mode").fail("bad-type", `one of ${authenticationModes.join(", ")}`);
  return found;
}
