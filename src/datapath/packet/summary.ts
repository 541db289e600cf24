// SPDX-License-Identifier: Apache-2.0
// The one-line text of a packet, as `cilium-dbg monitor` prints it.
import { hostPort } from "../../core/index.ts";
import { icmpName } from "./icmp-names.ts";
import { etherTypes } from "./link.ts";
import { protocolName } from "./protocols.ts";
import type { Ethernet, Ip, Packet, Tcp, Transport } from "./types.ts";

const etherTypeName = new Map<number, string>(Object.entries(etherTypes).map(([name, value]) => [value, name]));

/** `10.0.0.1:4444 -> 10.0.0.2:80 tcp SYN`, `A -> B icmp EchoRequest`, `MAC -> MAC ARP`, `[unknown]`. */
export function summarize(packet: Packet): string {
  const inner = flow(packet);
  if (packet.tunnel === undefined) return inner;
  const { ip, transport, protocol } = packet.tunnel;
  const source = hostPort(ip.source, transport.sourcePort);
  return `${inner} [tunnel ${source} -> ${hostPort(ip.destination, transport.destinationPort)} ${protocol}]`;
}

function flow(packet: Packet): string {
  if (packet.ip !== undefined) return ipFlow(packet.ip, packet.transport);
  if (packet.ethernet !== undefined) return linkFlow(packet.ethernet);
  return "[unknown]";
}

function linkFlow(ethernet: Ethernet): string {
  const name = etherTypeName.get(ethernet.etherType) ?? `0x${ethernet.etherType.toString(16).padStart(4, "0")}`;
  return `${ethernet.source} -> ${ethernet.destination} ${name}`;
}

function ipFlow(ip: Ip, transport: Transport | undefined): string {
  switch (transport?.kind) {
    case "tcp":
      return `${ports(ip, transport)} tcp ${tcpFlags(transport)}`.trimEnd();
    case "udp":
    case "sctp":
      return `${ports(ip, transport)} ${transport.kind}`;
    case "icmp4":
    case "icmp6":
      return `${ip.source} -> ${ip.destination} icmp ${icmpName(ip.version, transport.type, transport.code)}`;
    default:
      return `${ip.source} -> ${ip.destination} ${protocolWord(ip.protocol)}`;
  }
}

/** Of a packet whose transport header is not there (later fragment, cut off) or has no dissector. */
function protocolWord(protocol: number): string {
  return protocol === 0 ? "hopopt" : protocolName(protocol).toLowerCase();
}

function ports(ip: Ip, transport: { readonly sourcePort: number; readonly destinationPort: number }): string {
  const source = hostPort(ip.source, transport.sourcePort);
  return `${source} -> ${hostPort(ip.destination, transport.destinationPort)}`;
}

function tcpFlags({ flags }: Tcp): string {
  const names = [flags.syn && "SYN", flags.ack && "ACK", flags.rst && "RST", flags.fin && "FIN"];
  return names.filter((name) => name !== false).join(", ");
}
