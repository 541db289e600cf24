// SPDX-License-Identifier: Apache-2.0
// Random sequences of packets and changes of the world, each repeated by its seed.
import { EndpointConfigFlags, PolicyDirection } from "../../../src/abi/index.ts";
import type { Hook } from "../case.ts";
import {
  arp,
  EtherType,
  echo,
  frame,
  type IpOptions,
  ipFrame,
  neighbor,
  type Payload,
  part,
  tcp,
  udp,
} from "../packet.ts";
import type { Addresses, Pod, PolicyRow } from "../world.ts";
import { cidrHost, internet, nobody, otherNode, otherRouter, podA, podB, podC, router } from "../world.ts";
import type { Family } from "./headers.ts";
import { payload, TCP_FLAGS, withExtensions } from "./payloads.ts";
import type { Random } from "./random.ts";

/** A change of one frame's bytes, kept apart so that a failing packet can be made plainer. */
export type Mutation =
  | { readonly kind: "flip"; readonly bit: number }
  | { readonly kind: "set"; readonly at: number; readonly value: number }
  | { readonly kind: "cut"; readonly length: number };

export interface PacketStep {
  readonly kind: "packet";
  readonly hook: Hook;
  readonly frame: Uint8Array;
  readonly mutations: readonly Mutation[];
}

export type FuzzStep =
  | PacketStep
  | { readonly kind: "policy"; readonly pod: Pod; readonly flags: number; readonly rows: readonly PolicyRow[] }
  | { readonly kind: "ipcache"; readonly identity: number }
  | { readonly kind: "identity"; readonly pod: Pod; readonly identity: number }
  | { readonly kind: "expire" };

/** A conversation that a pod began. */
interface Talk {
  readonly pod: Pod;
  readonly peer: Addresses;
  readonly family: Family;
  readonly protocol: "tcp" | "udp" | "echo";
  readonly port: number;
}

const PEERS = [podC, router, otherRouter, otherNode, internet, cidrHost, nobody];
const STRANGE = [
  { ipv4: "224.0.0.1", ipv6: "ff02::1" },
  { ipv4: "255.255.255.255", ipv6: "ff02::2" },
  { ipv4: "10.1.0.255", ipv6: "fe80::1" },
  { ipv4: "127.0.0.1", ipv6: "::1" },
  { ipv4: "0.0.0.0", ipv6: "::" },
];
const SHORTEST_FRAME = 14;
const LONGEST_QUOTE = 120;

/** Makes the steps of one sequence. */
export class Grammar {
  readonly #random: Random;
  /** IP packets that were sent, for ICMP errors to quote. */
  readonly #sent: Uint8Array[] = [];
  readonly #talks: Talk[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  steps(packets: number): FuzzStep[] {
    const steps: FuzzStep[] = [this.#policy(podA), this.#policy(podB)];
    for (let count = 0; count < packets; count++) {
      if (this.#random.chance(6)) steps.push(this.#change());
      steps.push(this.#packet());
    }
    return steps;
  }

  #change(): FuzzStep {
    const random = this.#random;
    const pod = random.pick([podA, podB]);
    if (random.chance(50)) return this.#policy(pod);
    if (random.chance(40)) return { kind: "ipcache", identity: random.pick([1002, 1003]) };
    if (random.chance(50)) return { kind: "identity", pod, identity: random.pick([pod.identity, 1003]) };
    return { kind: "expire" };
  }

  #policy(pod: Pod): FuzzStep {
    const random = this.#random;
    const flags = random.pick([0, 1, 2, 3, 3]);
    const known = EndpointConfigFlags.ENDPOINT_ENFORCE_INGRESS | EndpointConfigFlags.ENDPOINT_ENFORCE_EGRESS;
    const open = [
      { set: pod.ingressSet, direction: PolicyDirection.DIRECTION_INGRESS, identity: 0 },
      { set: pod.egressSet, direction: PolicyDirection.DIRECTION_EGRESS, identity: 0 },
    ].filter(() => random.chance(45));
    const rows = Array.from({ length: random.int(6) }, (): PolicyRow => {
      const ingress = random.chance(50);
      const row = {
        set: ingress ? pod.ingressSet : pod.egressSet,
        direction: ingress ? PolicyDirection.DIRECTION_INGRESS : PolicyDirection.DIRECTION_EGRESS,
        identity: random.pick([0, 0, 1000, 1001, 1002, 1003, 1, 6, 9, 10, cidrHost.identity]),
        deny: random.chance(25),
      };
      if (random.chance(30)) return row;
      const protocol = random.pick([6, 6, 17, 1, 58, 132]);
      if (random.chance(30)) return { ...row, protocol };
      if (protocol === 1 || protocol === 58) return { ...row, protocol, port: random.pick([8, 0, 128, 129, 3, 1]) };
      const portBits = random.pick([16, 16, 12, 4, 1]);
      const port = random.pick([80, 443, 40000]) & (0xffff << (16 - portBits));
      return { ...row, protocol, port, portBits };
    });
    return { kind: "policy", pod, flags: flags & known, rows: [...open, ...rows] };
  }

  #packet(): PacketStep {
    const { hook, frame: plain } = this.#random.chance(40) ? this.#talk() : this.#plainPacket();
    if (plain.length > 34 && this.#sent.length < 64) this.#sent.push(plain.subarray(14, 14 + LONGEST_QUOTE));
    return { kind: "packet", hook, frame: plain, mutations: this.#random.chance(20) ? this.#mutations(plain) : [] };
  }

  /** A packet of one of a few conversations, from either side. */
  #talk(): { hook: Hook; frame: Uint8Array } {
    const random = this.#random;
    if (this.#talks.length < 4 || random.chance(4)) this.#talks.push(this.#newTalk());
    const { pod, peer, family, protocol, port } = random.pick(this.#talks.slice(-6));
    const reply = random.chance(45);
    const [from, to] = reply ? [peer, pod] : [pod, peer];
    const ports = reply ? { sport: port, dport: 40000 } : { sport: 40000, dport: port };
    const body =
      protocol === "tcp"
        ? tcp({ ...ports, flags: random.pick(TCP_FLAGS) })
        : protocol === "udp"
          ? udp(ports)
          : echo(family, reply ? "reply" : "request", port);
    const ip = family === 4 ? { source: from.ipv4, destination: to.ipv4 } : { source: from.ipv6, destination: to.ipv6 };
    const sender = [podA, podB].find((each) => each === from);
    if (sender !== undefined) {
      return {
        hook: { at: "from-pod", pod: sender },
        frame: ipFrame({ source: sender.mac, destination: sender.nodeMac }, ip, body),
      };
    }
    const frame = ipFrame({ source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" }, ip, body);
    if (from === podC) {
      return { hook: { at: "from-overlay", vni: random.pick([1002, 1002, 1003]), outerSource: otherNode.ipv4 }, frame };
    }
    return { hook: { at: "to-pod", pod, mark: random.pick([0, 0xf00 | (9 << 16)]) }, frame };
  }

  #newTalk(): Talk {
    const random = this.#random;
    const pod = random.pick([podA, podB]);
    return {
      pod,
      peer: random.chance(60) ? (pod === podA ? podB : podA) : random.pick([podC, podC, internet]),
      family: random.chance(50) ? 4 : 6,
      protocol: random.pick(["tcp", "tcp", "udp", "echo"] as const),
      port: random.pick([80, 443]),
    };
  }

  #plainPacket(): { hook: Hook; frame: Uint8Array } {
    const random = this.#random;
    const family: Family = random.chance(50) ? 4 : 6;
    const pod = random.pick([podA, podB]);
    const kind = random.int(100);
    if (kind < 72) {
      const hook: Hook = { at: "from-pod", pod, mark: random.chance(10) ? this.#mark() : 0 };
      if (random.chance(5)) return { hook, frame: family === 4 ? this.#arp(pod) : this.#neighbor(pod) };
      return { hook, frame: this.#fromPod(pod, family) };
    }
    if (kind < 84) {
      const vni = random.pick([1002, 1002, 1003, 1, 6, 2, 5, 0, 1000, 2 ** 24]);
      const outerSource = random.pick([otherNode.ipv4, otherNode.ipv6, otherNode.ipv4, "172.31.240.9", podA.ipv4]);
      const hook: Hook = { at: "from-overlay", vni, outerSource };
      return { hook, frame: this.#arriving(random.pick([podC, podC, otherRouter, podA, router]), pod, family) };
    }
    const from = random.pick([router, internet, cidrHost, podC, podA]);
    if (kind < 94) {
      const to = random.chance(70) ? pod : random.pick(PEERS);
      return {
        hook: { at: "from-host", ingressIfindex: random.pick([0, 0, 1, podA.ifindex]) },
        frame: this.#arriving(from, to, family),
      };
    }
    return { hook: { at: "to-pod", pod, mark: this.#mark() }, frame: this.#arriving(from, pod, family) };
  }

  /** Marks as programs set them, and others. */
  #mark(): number {
    const identity = this.#random.pick([1, 6, 9, 1000, 1001, 1002, 0x010001]);
    const magic = this.#random.pick([0xf00, 0xf00, 0x400, 0, 0x200]);
    return (magic | (identity << 16) | ((identity >> 16) & 0xff)) >>> 0;
  }

  #fromPod(pod: Pod, family: Family): Uint8Array {
    const random = this.#random;
    const other = pod === podA ? podB : podA;
    const to = random.chance(60) ? other : random.pick(random.chance(80) ? PEERS : [...STRANGE, pod]);
    const from = random.chance(96) ? pod : random.pick([other, podC, router, internet, ...STRANGE]);
    const ethernet = {
      source: random.chance(98) ? pod.mac : other.mac,
      destination: random.chance(97) ? pod.nodeMac : random.pick([other.mac, "ff:ff:ff:ff:ff:ff"]),
    };
    return this.#ip(ethernet, from, to, family);
  }

  #arriving(from: { ipv4: string; ipv6: string }, to: { ipv4: string; ipv6: string }, family: Family): Uint8Array {
    return this.#ip({ source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" }, from, to, family);
  }

  #ip(
    ethernet: { source: string; destination: string },
    from: { ipv4: string; ipv6: string },
    to: { ipv4: string; ipv6: string },
    family: Family,
  ): Uint8Array {
    const random = this.#random;
    const quoted = this.#sent.length > 0 && random.chance(70) ? random.pick(this.#sent) : random.bytes(48);
    let body: Payload = payload(random, family, quoted);
    let ip: IpOptions = {
      source: family === 4 ? from.ipv4 : from.ipv6,
      destination: family === 4 ? to.ipv4 : to.ipv6,
      ttl: random.chance(92) ? 64 : random.pick([0, 1, 2, 255]),
    };
    const shape = random.int(100);
    if (shape < 12) {
      const offset = random.pick([0, 0, 8, 16, 24, 32]);
      ip = { ...ip, id: random.int(3) + 1, fragmentOffset: offset, moreFragments: random.chance(70) };
      body = part(body, offset, offset + random.pick([8, 16, 24, 40]));
    } else if (shape < 24) {
      if (family === 6) body = withExtensions(random, body);
      else ip = { ...ip, options: this.#options() };
    }
    return ipFrame(ethernet, ip, body);
  }

  #options(): number[] {
    const random = this.#random;
    const known = [
      [1],
      [0],
      [148, 4, 0, 0],
      [7, 7, 4, 0, 0, 0, 0],
      [131, 7, 4, 0, 0, 0, 0],
      [137, 3, 4],
      [68, 1],
      [82, 40],
    ];
    return Array.from({ length: 1 + random.int(4) }, () => random.pick(known))
      .flat()
      .slice(0, 40);
  }

  #arp(pod: Pod): Uint8Array {
    const random = this.#random;
    const message = arp({
      operation: random.chance(80) ? 1 : random.int(4),
      senderMac: random.chance(90) ? pod.mac : podB.mac,
      sender: random.chance(90) ? pod.ipv4 : router.ipv4,
      target: random.pick([router.ipv4, podB.ipv4, internet.ipv4, pod.ipv4]),
    });
    const destination = random.pick(["ff:ff:ff:ff:ff:ff", pod.nodeMac]);
    return frame({ source: pod.mac, destination }, EtherType.ARP, message);
  }

  #neighbor(pod: Pod): Uint8Array {
    const random = this.#random;
    const target = random.pick([router.ipv6, podB.ipv6, internet.ipv6, pod.ipv6, "ff02::1"]);
    const option = random.pick([
      undefined,
      { type: 1, mac: pod.mac },
      { type: 1, mac: podB.mac },
      { type: 2, mac: podB.mac },
    ]);
    const message = neighbor(random.chance(80) ? 135 : 130 + random.int(14), { target, ...(option && { option }) });
    const source = random.pick([pod.ipv6, pod.ipv6, "fe80::1", "::", podB.ipv6]);
    const ip = { source, destination: random.pick(["ff02::1:ff00:1", router.ipv6]), ttl: random.chance(90) ? 255 : 64 };
    return ipFrame({ source: pod.mac, destination: "33:33:ff:00:00:01" }, ip, message);
  }

  #mutations(plain: Uint8Array): Mutation[] {
    const random = this.#random;
    // Headers are where parsers are.
    const at = () => random.int(Math.min(plain.length, random.chance(80) ? 74 : plain.length));
    return Array.from({ length: 1 + random.int(3) }, (): Mutation => {
      const kind = random.int(10);
      if (kind < 5) return { kind: "flip", bit: at() * 8 + random.int(8) };
      if (kind < 8)
        return { kind: "set", at: at(), value: random.pick([0, 1, 2, 4, 6, 17, 43, 44, 51, 58, 60, 127, 128, 255]) };
      return { kind: "cut", length: Math.max(SHORTEST_FRAME, random.int(plain.length)) };
    });
  }
}

/** The frame as it is sent. */
export function bytesOf({ frame: plain, mutations }: PacketStep): Uint8Array {
  let bytes = Uint8Array.from(plain);
  for (const mutation of mutations) {
    if (mutation.kind === "cut") bytes = bytes.slice(0, mutation.length);
    else if (mutation.kind === "set" && mutation.at < bytes.length) bytes[mutation.at] = mutation.value;
    else if (mutation.kind === "flip" && mutation.bit < bytes.length * 8) {
      const at = mutation.bit >> 3;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (mutation.bit & 7));
    }
  }
  return bytes;
}
