// SPDX-License-Identifier: Apache-2.0
// toPorts: ports, ranges and protocols.
import { protocolsByName } from "../protocols.ts";
import type { PortMatch, PortRule } from "../types.ts";
import type { DocumentNode } from "./node.ts";

const maxPorts = 40;
const unsupportedFields = ["rules", "listener", "originatingTLS", "terminatingTLS", "serverNames"];
const unsupportedProtocols = ["VRRP", "IGMP", "GRE", "IPIP", "IPV6", "ESP", "AH", "ICMP", "ICMPV6"];
const serviceNamePattern = /^(?=.*[A-Za-z])[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/;
const portHelp = "a number 0-65535 or an IANA service name";

/** Reads one `toPorts` item; `section` names it in verdicts. */
export function parsePortRule(node: DocumentNode, section: string): PortRule {
  node.checkFields({ supported: ["ports"], unsupported: unsupportedFields });
  const ports = node.field("ports");
  if (!ports.present) return { section, ports: [] };
  const items = ports.items();
  if (items.length > maxPorts) {
    const problem = `${ports.pathText} has ${items.length} ports, expected at most ${maxPorts} (use another toPorts item, or endPort)`;
    throw ports.failWith("too-many-ports", problem);
  }
  return { section, ports: items.map(parsePort) };
}

function parsePort(node: DocumentNode): PortMatch {
  node.checkFields({ supported: ["port", "endPort", "protocol"] });
  const protocols = parseProtocol(node.field("protocol"));
  const first = parsePortNumber(node.field("port"));
  const endNode = node.field("endPort");
  const end = endNode.present ? endNode.integer(0, 65535, "bad-port") : 0;
  if (first === 0 && end === 0) return { protocols, first: 0, last: 65535 };
  return { protocols, first, last: Math.max(first, end) };
}

/** Protocol numbers of a name in any case; ANY when it is missing or empty. */
export function parseProtocol(node: DocumentNode): readonly number[] {
  const name = node.present ? node.string("bad-protocol").toUpperCase() : "ANY";
  const protocols = protocolsByName.get(name || "ANY");
  if (protocols !== undefined) return protocols;
  const known = [...protocolsByName.keys()].join(", ");
  if (unsupportedProtocols.includes(name)) {
    throw node.failWith("bad-protocol", `Protocol "${name}" at ${node.pathText} is not supported (expected ${known})`);
  }
  throw node.fail("bad-protocol", `one of ${known}`);
}

/** Numbers have Go's syntax, as in Cilium: a leading 0 means octal. */
function parsePortNumber(node: DocumentNode): number {
  if (!node.present) throw node.fail("bad-port", `${portHelp} in quotes ("0" for every port)`);
  const text = node.string("bad-port");
  if (text.length <= 15 && serviceNamePattern.test(text)) {
    throw node.failWith("not-supported", `Field "${node.pathText}": named port "${text}" is not supported yet`);
  }
  const digits = /^[0-9]+(_[0-9]+)*$/.test(text) ? text.replaceAll("_", "") : "";
  const octal = digits.length > 1 && digits.startsWith("0");
  const value = octal && /[89]/.test(digits) ? Number.NaN : Number.parseInt(digits, octal ? 8 : 10);
  if (Number.isNaN(value) || value > 65535) throw node.fail("bad-port", portHelp);
  return value;
}
