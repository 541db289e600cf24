// SPDX-License-Identifier: Apache-2.0
// `protocols` of a ClusterNetworkPolicy: TCP, UDP, SCTP with a port or a range, or a named port.
import { IpProtocol, maxPort, protocolsByName } from "../../protocols.ts";
import type { PortMatch, PortRule } from "../../types.ts";
import type { DocumentNode } from "../node.ts";
import { boundedItems, onlyField } from "./fields.ts";
import { parsePortName } from "./ports.ts";

const maxProtocols = 25;
const numbers: Readonly<Record<string, number>> = {
  tcp: IpProtocol.tcp,
  udp: IpProtocol.udp,
  sctp: IpProtocol.sctp,
};
const namedPort = "destinationNamedPort";

/** Where the list stands: its section in verdicts, and the peers' field that excludes named ports, if any. */
export interface ProtocolsContext {
  readonly section: string;
  readonly portless: string | undefined;
}

/** Reads `protocols`; missing means every protocol and port, ICMP too. */
export function parseClusterProtocols(node: DocumentNode, context: ProtocolsContext): readonly PortRule[] | undefined {
  if (!node.present) return undefined;
  return boundedItems(node, maxProtocols).map((item, index) => {
    const [field, value] = onlyField(item, [...Object.keys(numbers), namedPort], "bad-protocol");
    if (field === namedPort && context.portless !== undefined) {
      const problem = `${value.pathText} names a port, expected a number (${context.portless} have no named ports)`;
      throw value.failWith("bad-port", problem);
    }
    const match = field === namedPort ? parseNamedPort(value) : parseNumberedPort(value, numbers[field] ?? 0);
    return { section: `${context.section}.protocols[${index}]`, ports: [match] };
  });
}

function parseNamedPort(node: DocumentNode): PortMatch {
  return { protocols: protocolsByName.get("ANY") ?? [], first: 0, last: 0, name: parsePortName(node) };
}

function parseNumberedPort(node: DocumentNode, protocol: number): PortMatch {
  const [, port] = onlyField(node, ["destinationPort"], "bad-port");
  const [field, value] = onlyField(port, ["number", "range"], "bad-port");
  if (field === "number") {
    const number = value.integer(1, maxPort, "bad-port");
    return { protocols: [protocol], first: number, last: number };
  }
  value.checkFields(["start", "end"]);
  const first = value.field("start").integer(1, maxPort, "bad-port");
  const last = value.field("end").integer(first + 1, maxPort, "bad-port");
  return { protocols: [protocol], first, last };
}
