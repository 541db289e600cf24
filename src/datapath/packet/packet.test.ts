// SPDX-License-Identifier: Apache-2.0
// Dissection and summaries: each protocol, each cut, and bytes that no one should trust.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ipToBytes, macToBytes } from "../../core/index.ts";
import { dissect } from "./dissect.ts";
import { summarize } from "./summary.ts";

const MAC_A = "02:00:00:00:00:0a";
const MAC_B = "02:00:00:00:00:0b";

const u16 = (value: number) => [value >> 8, value & 0xff];
const u32 = (value: number) => [...u16(value >>> 16), ...u16(value & 0xffff)];

function eth(etherType: number, payload: readonly number[], tag: readonly number[] = []): Uint8Array {
  return Uint8Array.from([...macToBytes(MAC_B), ...macToBytes(MAC_A), ...tag, ...u16(etherType), ...payload]);
}

function ip4(
  protocol: number,
  payload: readonly number[],
  o: { fragment?: number; options?: number[] } = {},
): number[] {
  const options = o.options ?? [];
  const length = 20 + options.length + payload.length;
  const head = [0x45 + options.length / 4, 0, ...u16(length), ...u16(7), ...u16(o.fragment ?? 0), 64, protocol, 0, 0];
  return [...head, ...ipToBytes("10.0.0.1"), ...ipToBytes("10.0.0.2"), ...options, ...payload];
}

function ip6(next: number, payload: readonly number[]): number[] {
  const head = [0x60, 0, 0, 0, ...u16(payload.length), next, 64];
  return [...head, ...ipToBytes("fd00::1"), ...ipToBytes("fd00::2"), ...payload];
}

function tcp(flags: number, dport = 80): number[] {
  return [...u16(4444), ...u16(dport), ...u32(0xfffffffe), ...u32(0), 0x50, flags, ...u16(1024), ...u32(0)];
}

const udp = (dport: number, payload: readonly number[] = []) => [
  ...u16(5000),
  ...u16(dport),
  ...u16(8 + payload.length),
  0,
  0,
  ...payload,
];

const cases: { name: string; bytes: Uint8Array; summary: string }[] = [
  { name: "TCP SYN", bytes: eth(0x800, ip4(6, tcp(2))), summary: "10.0.0.1:4444 -> 10.0.0.2:80 tcp SYN" },
  { name: "TCP SYN, ACK", bytes: eth(0x800, ip4(6, tcp(18))), summary: "10.0.0.1:4444 -> 10.0.0.2:80 tcp SYN, ACK" },
  { name: "TCP RST over IPv6", bytes: eth(0x86dd, ip6(6, tcp(4))), summary: "[fd00::1]:4444 -> [fd00::2]:80 tcp RST" },
  { name: "TCP without flags", bytes: eth(0x800, ip4(6, tcp(0))), summary: "10.0.0.1:4444 -> 10.0.0.2:80 tcp" },
  { name: "UDP", bytes: eth(0x800, ip4(17, udp(53))), summary: "10.0.0.1:5000 -> 10.0.0.2:53 udp" },
  {
    name: "SCTP",
    bytes: eth(0x800, ip4(132, [...u16(1), ...u16(2), ...u32(9), ...u32(0)])),
    summary: "10.0.0.1:1 -> 10.0.0.2:2 sctp",
  },
  {
    name: "ICMP echo request",
    bytes: eth(0x800, ip4(1, [8, 0, 0, 0, 0, 1, 0, 2])),
    summary: "10.0.0.1 -> 10.0.0.2 icmp EchoRequest",
  },
  {
    name: "ICMP port unreachable",
    bytes: eth(0x800, ip4(1, [3, 3, 0, 0, 0, 0, 0, 0])),
    summary: "10.0.0.1 -> 10.0.0.2 icmp DestinationUnreachable(Port)",
  },
  {
    name: "ICMPv6 behind hop-by-hop",
    bytes: eth(0x86dd, ip6(0, [58, 0, 5, 2, 0, 0, 1, 0, 135, 0, 0, 0])),
    summary: "fd00::1 -> fd00::2 icmp NeighborSolicitation",
  },
  {
    name: "later IPv4 fragment",
    bytes: eth(0x800, ip4(17, [1, 2, 3, 4, 5, 6, 7, 8], { fragment: 185 })),
    summary: "10.0.0.1 -> 10.0.0.2 udp",
  },
  {
    name: "later IPv6 fragment",
    bytes: eth(0x86dd, ip6(44, [6, 0, ...u16(0x5a9), 0, 0, 0, 1, ...tcp(2)])),
    summary: "fd00::1 -> fd00::2 tcp",
  },
  {
    name: "IPv4 options",
    bytes: eth(0x800, ip4(17, udp(53), { options: [148, 4, 0, 0] })),
    summary: "10.0.0.1:5000 -> 10.0.0.2:53 udp",
  },
  {
    name: "VLAN",
    bytes: eth(0x800, ip4(17, udp(53)), [0x81, 0, 0, 5]),
    summary: "10.0.0.1:5000 -> 10.0.0.2:53 udp",
  },
  { name: "unknown protocol", bytes: eth(0x800, ip4(99, [])), summary: "10.0.0.1 -> 10.0.0.2 99" },
  {
    name: "ARP",
    bytes: eth(0x806, [0, 1, 8, 0, 6, 4, 0, 1, ...new Array<number>(20).fill(0)]),
    summary: `${MAC_A} -> ${MAC_B} ARP`,
  },
  { name: "unknown EtherType", bytes: eth(0x88cc, [1, 2]), summary: `${MAC_A} -> ${MAC_B} 0x88cc` },
  { name: "nothing", bytes: new Uint8Array(0), summary: "[unknown]" },
];

for (const { name, bytes, summary } of cases) {
  test(`summarize() words ${name}`, () => {
    assert.equal(summarize(dissect(bytes)), summary);
  });
}

test("dissect() reads fields as numbers of the wire", () => {
  const packet = dissect(eth(0x800, ip4(6, tcp(0x12)), [0x81, 0, 0x20, 5]));
  assert.equal(packet.ethernet?.vlan, 5);
  assert.deepEqual(packet.transport?.kind === "tcp" && packet.transport.sequence, 0xfffffffe);
  assert.equal(packet.ip?.version === 4 && packet.ip.ttl, 64);
  const echo = dissect(eth(0x800, ip4(1, [8, 0, 0, 0, 1, 2, 3, 4]))).transport;
  assert.deepEqual(echo, { kind: "icmp4", type: 8, code: 0, id: 0x102, sequence: 0x304 });
});

test("dissect() shows the packet inside a VXLAN tunnel", () => {
  const inner = eth(0x86dd, ip6(6, tcp(2)));
  const outer = eth(0x800, ip4(17, udp(8472, [8, 0, 0, 0, 0, 0x12, 0x34, 0, ...inner])));
  const packet = dissect(outer, { tunnel: "vxlan" });
  assert.equal(packet.tunnel?.vni, 0x1234);
  assert.equal(
    summarize(packet),
    "[fd00::1]:4444 -> [fd00::2]:80 tcp SYN [tunnel 10.0.0.1:5000 -> 10.0.0.2:8472 vxlan]",
  );
});

test("dissect() begins with IP on devices without link layer", () => {
  assert.equal(
    summarize(dissect(Uint8Array.from(ip6(17, udp(53))), { l3: true })),
    "[fd00::1]:5000 -> [fd00::2]:53 udp",
  );
});

test("dissect() says when a header is cut, wherever that is", () => {
  const whole = eth(0x86dd, ip6(0, [6, 0, 0, 0, 0, 0, 0, 0, ...tcp(2)]));
  assert.equal(dissect(whole).truncated, false);
  for (let length = 0; length < whole.length; length++) {
    const packet = dissect(whole.subarray(0, length));
    assert.equal(packet.truncated, true, `${length} bytes`);
    assert.equal(packet.transport, undefined);
    assert.equal(packet.ip !== undefined, length >= 54);
  }
});

test("dissect() refuses an impossible IPv4 header length", () => {
  const bytes = eth(0x800, ip4(6, tcp(2)));
  bytes[14] = 0x44;
  assert.equal(dissect(bytes).ip, undefined);
});

test("dissect() ends on a chain of IPv6 extension headers", () => {
  const chain = new Array<number>(4000).fill(0);
  const packet = dissect(eth(0x86dd, ip6(0, chain)));
  assert.equal(packet.ip?.version === 6 && packet.ip.extensions.length, 500);
  assert.equal(packet.transport, undefined);
});

test("dissect() and summarize() take any bytes", () => {
  let seed = 1;
  const random = () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed >> 8;
  };
  const starts = [0x800, 0x86dd, 0x806];
  for (let round = 0; round < 5000; round++) {
    const bytes = Uint8Array.from({ length: random() % 128 }, () => random() & 0xff);
    if (bytes.length > 14) {
      bytes.set(u16(starts[round % 3] ?? 0), 12);
      bytes[14] = round % 2 === 0 ? 0x45 : 0x60;
    }
    for (const options of [{}, { l3: true }, { tunnel: "vxlan" as const }, { tunnel: "geneve" as const }]) {
      assert.equal(typeof summarize(dissect(bytes, options)), "string");
    }
  }
});
