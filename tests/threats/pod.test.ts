// SPDX-License-Identifier: Apache-2.0
// A pod tries to get around its policy with real frames: it may reach port 7000 of its victims, on its node and on the
// other one, and nothing else there.
import { after, before, test } from "node:test";
import {
  arp,
  concat,
  EtherType,
  echo,
  extension,
  frame,
  icmp,
  icmpError,
  ipFrame,
  neighbor,
  type Payload,
  Protocol,
  part,
  raw,
  TcpFlag,
  tcp,
  u16,
  u32,
  udp,
} from "../datapath/packet.ts";
import { type Attempt, Lab, type PodName } from "./lab.ts";

const { SYN, ACK } = TcpFlag;
const FAMILIES = [4, 6] as const;
const VICTIMS = ["victim", "remote"] as const;
const OPEN = 7000;
const CLOSED = 7001;

let lab: Lab;
before(async () => {
  lab = await Lab.create();
});
after(async () => await lab?.delete());

let count = 0;
/** Bytes of which no other frame has any 8. */
const marker = (length = 32): Uint8Array => Buffer.from(`a${String(++count).padStart(7, "0")}`.repeat(length / 8));
const toPort = (dport: number, sport = 5000, data = marker()): Payload => udp({ sport, dport, data });
const datagramId = () => 1000 + ++count;

/** The same attempts against both victims over IPv4 and IPv6. */
function everywhere(build: (to: PodName, family: 4 | 6) => readonly Attempt[]): Attempt[] {
  return VICTIMS.flatMap((to) => FAMILIES.flatMap((family) => [...build(to, family)]));
}

const attack = (to: PodName, family: 4 | 6, payload: Payload, rest = {}): Uint8Array =>
  lab.frame("attacker", to, family, payload, rest);

test("threats: what is allowed arrives and nothing else, so that the tests below can tell", async () => {
  await lab.expectDrops("node1", { "Policy denied": 4 }, () =>
    lab.send(
      "attacker",
      everywhere((to, family) => [
        { frame: attack(to, family, toPort(OPEN)), reaches: to },
        { frame: attack(to, family, toPort(CLOSED)) },
        { frame: attack(to, family, tcp({ sport: 5001, dport: CLOSED, flags: SYN, data: marker() })) },
      ]),
    ),
  );
});

test("threats: fragments follow their first one's verdict, in order, out of order, tiny and overlapping", async () => {
  const piece = (payload: Payload, from: number, to: number | undefined, id: number, more: boolean, at = from) =>
    [part(payload, from, to), { id, fragmentOffset: at, moreFragments: more }] as const;
  const attempts = everywhere((to, family) => {
    const send = ([payload, rest]: ReturnType<typeof piece>) => attack(to, family, payload, rest);
    const [good, bad] = [toPort(OPEN, 5002, marker(64)), toPort(CLOSED, 5003, marker(64))];
    const segment = tcp({ sport: 5004, dport: OPEN, flags: SYN, data: marker(64) });
    const [a, b, c, d, e, f] = Array.from({ length: 6 }, datagramId) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return [
      { frame: send(piece(good, 0, 40, a, true)), reaches: to },
      { frame: send(piece(good, 40, undefined, a, false)), reaches: to },
      // The port that is closed, behind an allowed first fragment of the same datagram.
      { frame: send(piece(bad, 0, 40, a, true)) },
      { frame: send(piece(bad, 40, undefined, a, false)) },
      { frame: send(piece(bad, 0, 40, b, true)) },
      { frame: send(piece(bad, 40, undefined, b, false)) },
      // Before its first one.
      { frame: send(piece(toPort(OPEN, 5005, marker(64)), 40, undefined, c, false)) },
      // Too small for its ports' header, and one that writes over the header.
      { frame: send(piece(tcp({ sport: 5006, dport: OPEN, flags: SYN }), 0, 8, d, true)) },
      { frame: send(piece(segment, 0, 40, e, true)), reaches: to },
      { frame: send(piece(tcp({ sport: 5007, dport: CLOSED, data: marker(64) }), 8, undefined, e, false)) },
      { frame: send(piece(toPort(OPEN, 5008, marker(64)), 40, undefined, f, false)) },
    ];
  });
  const wanted = {
    "First logical datagram fragment not found": 8,
    "CT: Truncated or invalid header": 8,
    "Policy denied": 4,
  };
  await lab.expectDrops("node1", wanted, () => lab.send("attacker", attempts));
});

test("threats: IPv4 options and source routes lead nowhere else", async () => {
  const friend = lab.scenario.ip("friend", 4).split(".").map(Number);
  const route = (type: number) => [type, 7, 4, ...friend, 0];
  const attempts = VICTIMS.flatMap((to): Attempt[] => [
    { frame: attack(to, 4, toPort(OPEN), { options: route(131) }) },
    { frame: attack(to, 4, toPort(OPEN), { options: route(137) }) },
    { frame: attack(to, 4, toPort(OPEN), { options: [1, 1, 131, 3] }) },
    { frame: attack(to, 4, toPort(OPEN), { options: [68, 1, 0, 0] }) },
    { frame: attack(to, 4, toPort(CLOSED), { options: [7, 7, 4, 0, 0, 0, 0, 0] }) },
    { frame: attack(to, 4, toPort(OPEN), { options: [7, 7, 4, 0, 0, 0, 0, 0] }), reaches: to },
  ]);
  await lab.expectDrops("node1", { "Invalid packet": 8, "Policy denied": 1 }, () => lab.send("attacker", attempts));
});

test("threats: IPv6 extension headers hide no port, jumbograms and routing headers do not pass", async () => {
  const { HOP_BY_HOP, DESTINATION, ROUTING, FRAGMENT, AUTH, MOBILITY, ESP, NONE } = Protocol;
  const chain = (payload: Payload, ...headers: number[]) =>
    headers.reduceRight((inner, header) => extension(header, inner, [0, 0, 0, 0, 0, 0]), payload);
  const attempts = VICTIMS.flatMap((to): Attempt[] => [
    { frame: attack(to, 6, chain(toPort(OPEN), HOP_BY_HOP, DESTINATION)), reaches: to },
    { frame: attack(to, 6, chain(toPort(CLOSED), HOP_BY_HOP, DESTINATION)) },
    { frame: attack(to, 6, chain(toPort(CLOSED), DESTINATION, FRAGMENT)) },
    { frame: attack(to, 6, chain(toPort(CLOSED), AUTH)) },
    ...[ROUTING, MOBILITY].map((header) => ({ frame: attack(to, 6, chain(toPort(OPEN), header)) })),
    { frame: attack(to, 6, chain(toPort(OPEN), FRAGMENT, DESTINATION)) },
    { frame: attack(to, 6, chain(toPort(OPEN), DESTINATION, HOP_BY_HOP)) },
    { frame: attack(to, 6, chain(toPort(OPEN), ...Array<number>(7).fill(DESTINATION))) },
    // A jumbogram: length 0, the real one in an option.
    { frame: attack(to, 6, extension(HOP_BY_HOP, toPort(OPEN), [0xc2, 4, 0, 1, 0, 0]), { totalLength: 0 }) },
    ...[ESP, NONE].map((protocol) => ({ frame: attack(to, 6, raw(protocol, marker())) })),
  ]);
  const wanted = { "Invalid IPv6 extension header": 12, "Policy denied": 3, "Unknown L4 protocol": 4 };
  await lab.expectDrops("node1", wanted, () => lab.send("attacker", attempts));
});

test("threats: ICMP asks policy, and errors are believed only about flows of their sender", async () => {
  const attempts = everywhere((to, family) => {
    const unreachable = family === 4 ? 3 : 1;
    const quote = (from: PodName, by: PodName, payload: Payload) => lab.frame(from, by, family, payload).subarray(14);
    const data = marker();
    return [
      { frame: attack(to, family, echo(family, "request", ++count, marker())) },
      { frame: attack(to, family, echo(family, "reply", ++count, marker())) },
      // About a flow of the victim with a friend, with the attacker itself that is not there, and one of the attacker's.
      { frame: attack(to, family, icmpError(family, unreachable, 1, quote(to, "friend", toPort(80, 7000)))) },
      { frame: attack(to, family, icmpError(family, unreachable, 1, quote(to, "attacker", toPort(80, 7000)))) },
      { frame: attack(to, family, icmpError(family, unreachable, 1, quote("attacker", to, toPort(OPEN, 6001, data)))) },
      { frame: attack(to, family, icmp(family, family === 4 ? 5 : 137, 1, concat(u32(0), marker()))) },
      // The flow is there and the error is about the victim's answer to the attacker.
      { frame: attack(to, family, toPort(OPEN, 6002)), reaches: to },
      {
        frame: attack(to, family, icmpError(family, unreachable, 3, quote(to, "attacker", toPort(6002, OPEN)))),
        reaches: to,
      },
    ];
  });
  await lab.expectDrops("node1", { "Policy denied": 8 }, () => lab.send("attacker", attempts));
});

test("threats: VXLAN packets of a pod are no node's, to its own node and to peers", async () => {
  const [one, two] = lab.scenario.sandbox.nodes;
  const inner = (to: PodName, family: 4 | 6) => lab.frame("friend", to, family, toPort(CLOSED));
  const vxlan = (payload: Uint8Array, identity: number) =>
    udp({ sport: 40000, dport: 8472, data: concat(u32(0x08000000), u32(identity << 8), payload) });
  const { own, gateway } = lab.mac("attacker");
  const wrapped = (to: PodName, family: 4 | 6, outer: 4 | 6, node: typeof one, identity: number): Attempt => {
    const data = inner(to, family);
    const destination = (outer === 4 ? node?.ipv4 : node?.ipv6) ?? "";
    const ip = { source: lab.scenario.ip("attacker", outer), destination };
    const match = data.subarray(family === 6 ? 22 : 26);
    return { frame: ipFrame({ source: own, destination: gateway }, ip, vxlan(data, identity)), match };
  };
  const attempts = FAMILIES.flatMap((family) =>
    [1, 2, 6, 300].flatMap((identity) => [
      wrapped("victim", family, 4, one, identity),
      wrapped("remote", family, 4, two, identity),
      wrapped("victim", family, 6, one, identity),
      wrapped("remote", family, 6, two, identity),
    ]),
  );
  const wanted = { "Encapsulation traffic is prohibited": attempts.length };
  await lab.expectDrops("node1", wanted, () => lab.send("attacker", attempts));
});

test("threats: spoofed MAC and IP addresses, ARP, neighbour discovery, VLAN tags and cut-off frames end at the pod", async () => {
  const { own, gateway } = lab.mac("attacker");
  const [friend, victim] = [lab.mac("friend").own, lab.mac("victim").own];
  const gateway6 = lab.scenario.ip("attacker", 6).replace(/:[^:]*$/, ":1");
  const attempts = everywhere((to, family) => {
    const ip = { source: lab.scenario.ip("attacker", family), destination: lab.scenario.ip(to, family) };
    return [
      { frame: ipFrame({ source: friend, destination: gateway }, ip, toPort(OPEN)) },
      { frame: ipFrame({ source: own, destination: victim }, ip, toPort(OPEN)) },
      {
        frame: ipFrame(
          { source: own, destination: gateway },
          { ...ip, source: lab.scenario.ip("friend", family) },
          toPort(CLOSED),
        ),
      },
    ];
  });
  const lie = { senderMac: own, target: lab.scenario.ip("victim", 4) };
  const [claim, reply] = [1, 2].map((operation) =>
    arp({ operation, ...lie, sender: lab.scenario.ip("friend", 4) }),
  ) as [Uint8Array, Uint8Array];
  const arps = [claim, reply].flatMap((message) =>
    ["ff:ff:ff:ff:ff:ff", victim].map((destination) => frame({ source: own, destination }, EtherType.ARP, message)),
  );
  const ndp = (type: number, mac: string, target: string, source = lab.scenario.ip("attacker", 6)) => {
    const message = neighbor(type, { target, option: { type: type === 135 ? 1 : 2, mac } });
    return ipFrame(
      { source: own, destination: "33:33:00:00:00:01" },
      { source, destination: "ff02::1", ttl: 255 },
      message,
    );
  };
  const whole = attack("victim", 4, toPort(OPEN));
  const others = [
    ...arps,
    ndp(136, own, lab.scenario.ip("friend", 6)),
    ndp(134, own, gateway6, "fe80::1"),
    ndp(135, friend, gateway6),
    ndp(135, own, gateway6, lab.scenario.ip("friend", 6)),
    whole.subarray(0, 24),
    whole.subarray(0, 36),
    concat(whole.subarray(0, 12), u16(0x8100), u16(7), whole.subarray(12)),
  ];
  const wanted = {
    "Invalid source mac": 5,
    "Invalid destination mac": 4,
    "Invalid source ip": 7,
    "Invalid packet": 2,
    "Forbidden ICMPv6 message": 2,
    "VLAN traffic disallowed by VLAN filter": 1,
  };
  const silent = others.map((each) => ({ frame: each, match: each.subarray(14) }));
  await lab.expectDrops("node1", wanted, () => lab.send("attacker", [...attempts, ...silent]));
});

test("threats: an entry of the reverse direction carries answers and nothing that opens a flow", async () => {
  for (const [index, family] of FAMILIES.entries()) {
    const port = 50_000 + index;
    const segment = (flags: number, dport = port) => tcp({ sport: 9000, dport, flags, data: marker() });
    // The victim opens a connection to the attacker.
    await lab.send("victim", [
      { frame: lab.frame("victim", "attacker", family, tcp({ sport: port, dport: 9000, flags: SYN })) },
    ]);
    await lab.send("attacker", [
      { frame: attack("victim", family, segment(SYN)) },
      { frame: attack("victim", family, segment(ACK, port + 100)) },
      { frame: attack("victim", family, segment(SYN | ACK)), reaches: "victim" },
    ]);
  }
});

test("threats: multicast and broadcast of a pod reach nobody", async () => {
  const { own, gateway } = lab.mac("attacker");
  const subnet = lab.scenario.ip("attacker", 4).replace(/\d+$/, "255");
  const attempts = ["224.0.0.1", "239.1.1.1", "255.255.255.255", subnet, "ff02::1", "ff05::2", "ff0e::1"].flatMap(
    (to) =>
      [gateway, "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"].map((destination): Attempt => {
        const source = lab.scenario.ip("attacker", to.includes(":") ? 6 : 4);
        return { frame: ipFrame({ source: own, destination }, { source, destination: to }, toPort(OPEN)) };
      }),
  );
  await lab.expectDrops("node1", { "Unknown L3 target address": 18 }, () => lab.send("attacker", attempts));
});
