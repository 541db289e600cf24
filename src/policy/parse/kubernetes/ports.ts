// SPDX-License-Identifier: Apache-2.0
// `ports` of a NetworkPolicy: numbers, ranges and named ports; TCP unless said otherwise.
import { IpProtocol, maxPort } from "../../protocols.ts";
import type { PortMatch, PortRule } from "../../types.ts";
import type { DocumentNode } from "../node.ts";
import { parsePortText, portRange } from "../port-text.ts";
import { parseProtocol } from "../ports.ts";

const portHelp = "a number 0-65535 or the name of a container's port";

/** Reads `ports` of a rule; missing or empty means every protocol and port, ICMP too. */
export function parsePorts(node: DocumentNode, section: string): readonly PortRule[] | undefined {
  const items = node.optionalItems();
  if (items.length === 0) return undefined;
  return items.map((item, index) => ({ section: `${section}.ports[${index}]`, ports: [parsePort(item)] }));
}

/** The name of a container's port, lower case. */
export function parsePortName(node: DocumentNode): string {
  const port = parsePortText(node.string("bad-port"));
  if (typeof port !== "string") throw node.fail("bad-port", "the name of a container's port");
  return port;
}

function parsePort(node: DocumentNode): PortMatch {
  node.checkFields(["protocol", "port", "endPort"]);
  const protocol = node.field("protocol");
  const protocols = protocol.present ? parseProtocol(protocol) : [IpProtocol.tcp];
  const port = parsePortOrName(node.field("port"));
  if (typeof port === "string") return { protocols, first: 0, last: 0, name: port };
  const endPort = node.field("endPort");
  return portRange(protocols, port, endPort.present ? endPort.integer(0, maxPort, "bad-port") : 0);
}

function parsePortOrName(node: DocumentNode): number | string {
  if (!node.present) return 0;
  if (typeof node.value === "number") return node.integer(0, maxPort, "bad-port");
  const port = parsePortText(node.string("bad-port"));
  if (port === undefined) throw node.fail("bad-port", portHelp);
  return port;
}
