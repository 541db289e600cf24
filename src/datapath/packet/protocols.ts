// SPDX-License-Identifier: Apache-2.0
// IP protocol numbers and their names as operators write them.

export const protocols = {
  ICMP: 1,
  IGMP: 2,
  TCP: 6,
  UDP: 17,
  ICMPv6: 58,
  VRRP: 112,
  SCTP: 132,
} as const;

const nameOf = new Map<number, string>([[0, "ANY"], ...Object.entries(protocols).map(([n, v]) => [v, n] as const)]);
const numberOf = new Map<string, number>([...nameOf].map(([number, name]) => [name.toUpperCase(), number]));

/** `TCP`, `ICMPv6`, `ANY` for 0; the number itself when it has no name here. */
export function protocolName(protocol: number): string {
  return nameOf.get(protocol) ?? String(protocol);
}

/** The number of a name in any case, or of a number 0 to 255 as text; undefined for anything else. */
export function protocolNumber(name: string): number | undefined {
  const known = numberOf.get(name.toUpperCase());
  if (known !== undefined) return known;
  if (!/^[0-9]{1,3}$/.test(name)) return undefined;
  const value = Number(name);
  return value <= 255 ? value : undefined;
}
