// SPDX-License-Identifier: Apache-2.0
// toPorts: ports, ranges, names and protocols, and what the proxy has to check on them.
import { maxPort, protocolsByName } from "../protocols.ts";
import type { Direction, PortMatch, PortRule } from "../types.ts";
import { hasDnsRules, hasL7Rules, parseL7Rules } from "./l7.ts";
import type { DocumentNode } from "./node.ts";
import { parsePortText, portRange } from "./port-text.ts";
import { parseListener, parseServerNames, parseTls } from "./proxy.ts";

const maxPorts = 40;
const portless = ["VRRP", "IGMP", "GRE", "IPIP", "IPV6", "ESP", "AH"];
const portHelp = "a number 0-65535 or an IANA service name";
const fields = ["ports", "rules", "listener", "originatingTLS", "terminatingTLS", "serverNames"];

/** Reads one `toPorts` item of an allowing rule; `section` names it in verdicts. */
export function parsePortRule(node: DocumentNode, section: string, direction: Direction): PortRule {
  node.checkFields(fields);
  const rules = node.field("rules");
  const serverNames = parseServerNames(node.field("serverNames"), hasL7Rules(rules), node.field("terminatingTLS"));
  const ports = parsePorts(node.field("ports"), rules);
  const listener = parseListener(node.field("listener"), direction, hasL7Rules(rules));
  const l7 = parseL7Rules(rules, ports);
  const tls = parseTls(node);
  return {
    section,
    ports,
    ...(l7 === undefined ? {} : { l7 }),
    ...(serverNames === undefined ? {} : { serverNames }),
    ...(tls === undefined ? {} : { tls }),
    ...(listener === undefined ? {} : { listener }),
  };
}

/** As parsePortRule for a denying rule, which can tell ports only. */
export function parseDenyPortRule(node: DocumentNode, section: string): PortRule {
  node.checkFields(["ports"]);
  return { section, ports: parsePorts(node.field("ports"), undefined) };
}

function parsePorts(node: DocumentNode, rules: DocumentNode | undefined): readonly PortMatch[] {
  const items = node.optionalItems();
  if (items.length > maxPorts) {
    const problem = `${node.pathText} has ${items.length} ports, expected at most ${maxPorts} (use another toPorts item, or endPort)`;
    throw node.failWith("too-many-ports", problem);
  }
  const dns = rules !== undefined && hasDnsRules(rules);
  const tcpOnly = rules !== undefined && hasL7Rules(rules) && !dns;
  return items.map((item) => {
    const port = parsePort(item, dns);
    const protocol = item.field("protocol");
    if (tcpOnly && protocol.value !== "TCP") {
      throw protocol.fail("l7-not-tcp", '"TCP" (rules about requests, other than DNS, need it)');
    }
    return port;
  });
}

function parsePort(node: DocumentNode, dns: boolean): PortMatch {
  node.checkFields(["port", "endPort", "protocol"]);
  const port = node.field("port");
  if (!port.present) throw port.fail("bad-port", `${portHelp} in quotes ("0" for every port)`);
  const parsed = parsePortText(port.string("bad-port"));
  const endNode = node.field("endPort");
  const end = endNode.present ? endNode.integer(0, maxPort, "bad-port") : 0;
  if (typeof parsed === "string") {
    return { protocols: parseProtocol(node.field("protocol")), first: 0, last: 0, name: parsed };
  }
  const protocol = node.field("protocol").value;
  if (port.value !== "0" && typeof protocol === "string" && portless.includes(protocol)) {
    throw port.fail("bad-port", `"0" (${protocol} has no ports)`);
  }
  if (parsed === undefined) throw port.fail("bad-port", portHelp);
  if (dns && end > parsed) {
    throw endNode.failWith("dns-port-range", `${endNode.pathText} makes a range, expected a single port for DNS rules`);
  }
  return portRange(parseProtocol(node.field("protocol")), parsed, end);
}

/** Protocol numbers of a name; a missing or empty one is ANY. */
export function parseProtocol(node: DocumentNode): readonly number[] {
  const name = node.present ? node.string("bad-protocol").toUpperCase() : "ANY";
  const protocols = protocolsByName.get(name || "ANY");
  if (protocols !== undefined) return protocols;
  const known = [...protocolsByName.keys()].join(", ");
  if ([...portless, "ICMP", "ICMPV6"].includes(name)) {
    throw node.failWith("bad-protocol", `Protocol "${name}" at ${node.pathText} is not supported (expected ${known})`);
  }
  throw node.fail("bad-protocol", `one of ${known}`);
}
