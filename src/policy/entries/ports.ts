// SPDX-License-Identifier: Apache-2.0
// Ports as the policy maps know them: one port, or all ports that begin with the same bits.

/** A protocol with ports that share `portPrefix` leading bits. */
export interface PortPrefix {
  /** 0: any protocol (then port and portPrefix are 0). */
  readonly protocol: number;
  readonly port: number;
  readonly portPrefix: number;
}

/** Everything, ICMP too. */
export const anyPort: PortPrefix = { protocol: 0, port: 0, portPrefix: 0 };

/** The fewest prefixes that cover first to last, both included; a single one of length 0 for 0 to 65535. */
export function portRangeToPrefixes(protocol: number, first: number, last: number): PortPrefix[] {
  const prefixes: PortPrefix[] = [];
  let start = first;
  while (start <= last) {
    let size = start === 0 ? 65536 : start & -start;
    while (start + size - 1 > last) size /= 2;
    prefixes.push({ protocol, port: start, portPrefix: 16 - Math.log2(size) });
    start += size;
  }
  return prefixes;
}

/** A number that is the same for equal prefixes only. */
export function packPort({ protocol, port, portPrefix }: PortPrefix): number {
  return pack(protocol, port, portPrefix);
}

/** The number of the prefix of this length that covers a port. */
export function packCovering(protocol: number, port: number, portPrefix: number): number {
  return pack(protocol, port & (0xffff << (16 - portPrefix)) & 0xffff, portPrefix);
}

/** First and last port of a prefix. */
export function portRange({ port, portPrefix }: PortPrefix): { first: number; last: number } {
  return { first: port, last: port + 2 ** (16 - portPrefix) - 1 };
}

/** `ANY`, `TCP`, `80/TCP`, `8000-8007/TCP`; as in `bpf policy get`. */
export function formatPortPrefix(prefix: PortPrefix, protocolName: (protocol: number) => string): string {
  const protocol = protocolName(prefix.protocol);
  if (prefix.portPrefix === 0) return protocol;
  const { first, last } = portRange(prefix);
  return `${first === last ? first : `${first}-${last}`}/${protocol}`;
}

function pack(protocol: number, port: number, portPrefix: number): number {
  return protocol * 0x20_0000 + port * 0x20 + portPrefix;
}
