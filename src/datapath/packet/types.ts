// SPDX-License-Identifier: Apache-2.0
// A dissected packet: what was whole in the captured bytes, layer by layer.

export interface Ethernet {
  readonly source: string;
  readonly destination: string;
  /** After VLAN tags. */
  readonly etherType: number;
  readonly vlan?: number;
}

export interface Arp {
  readonly operation: number;
  readonly senderMac: string;
  readonly senderIp: string;
  readonly targetMac: string;
  readonly targetIp: string;
}

export interface Ipv4 {
  readonly version: 4;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly ttl: number;
  readonly tos: number;
  /** Total length as written in the header. */
  readonly length: number;
  readonly id: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** In bytes. */
  readonly fragmentOffset: number;
}

export interface Ipv6 {
  readonly version: 6;
  readonly source: string;
  readonly destination: string;
  /** Of the payload, after all extension headers that were whole. */
  readonly protocol: number;
  readonly hopLimit: number;
  readonly trafficClass: number;
  readonly flowLabel: number;
  /** Payload length as written in the header. */
  readonly length: number;
  /** Numbers of the extension headers passed over, in order. */
  readonly extensions: readonly number[];
  readonly moreFragments: boolean;
  readonly fragmentOffset: number;
}

export interface TcpFlags {
  readonly fin: boolean;
  readonly syn: boolean;
  readonly rst: boolean;
  readonly psh: boolean;
  readonly ack: boolean;
  readonly urg: boolean;
  readonly ece: boolean;
  readonly cwr: boolean;
}

export interface Tcp {
  readonly kind: "tcp";
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly window: number;
  readonly flags: TcpFlags;
}

export interface Udp {
  readonly kind: "udp";
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly length: number;
}

export interface Sctp {
  readonly kind: "sctp";
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly verificationTag: number;
}

/** ICMPv4 or ICMPv6. */
export interface Icmp {
  readonly kind: "icmp4" | "icmp6";
  readonly type: number;
  readonly code: number;
  /** Of an echo. */
  readonly id?: number;
  readonly sequence?: number;
}

/** Any other protocol. */
export interface OtherTransport {
  readonly kind: "other";
  readonly protocol: number;
}

export type Ip = Ipv4 | Ipv6;
export type Transport = Tcp | Udp | Sctp | Icmp | OtherTransport;

/** Missing layers were not in the bytes, or not whole. */
export interface Packet {
  readonly ethernet?: Ethernet;
  readonly arp?: Arp;
  readonly ip?: Ip;
  readonly transport?: Transport;
  /** The packet ends inside a header. */
  readonly truncated: boolean;
  /** Outer packet, when the dissected one was carried in a tunnel. */
  readonly tunnel?: {
    readonly protocol: "vxlan" | "geneve";
    readonly vni: number;
    readonly ip: Ip;
    readonly transport: Udp;
  };
}
