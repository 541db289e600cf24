// SPDX-License-Identifier: Apache-2.0
// IP protocol numbers and ports that policies speak of.

export const IpProtocol = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

/** The last port. */
export const maxPort = 65535;

/** Protocol numbers by the name in a policy. ANY stands for those that have ports. */
export const protocolsByName: ReadonlyMap<string, readonly number[]> = new Map([
  ["TCP", [IpProtocol.tcp]],
  ["UDP", [IpProtocol.udp]],
  ["SCTP", [IpProtocol.sctp]],
  ["ANY", [IpProtocol.tcp, IpProtocol.udp, IpProtocol.sctp]],
]);

const names: ReadonlyMap<number, string> = new Map([
  [0, "ANY"],
  [IpProtocol.icmp, "ICMP"],
  [IpProtocol.tcp, "TCP"],
  [IpProtocol.udp, "UDP"],
  [IpProtocol.icmpv6, "ICMPv6"],
  [IpProtocol.sctp, "SCTP"],
]);

/** `TCP`; the number itself for protocols without a name here. */
export function protocolName(protocol: number): string {
  return names.get(protocol) ?? String(protocol);
}

/** Protocol numbers of a name in any case, several for ANY; none for a name that is not known. */
export function protocolNumbers(name: string): readonly number[] {
  return protocolsByName.get(name.toUpperCase()) ?? [];
}
