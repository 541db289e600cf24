// SPDX-License-Identifier: Apache-2.0
// A packet case: packets sent into the real programs one after another, and what has to come out.
import type { EventRow } from "./event.ts";
import { type IpOptions, ipFrame, type Payload } from "./packet.ts";
import { type Addresses, type Pod, podA, podB, WORLD_IPV4, WORLD_IPV6, type World } from "./world.ts";

/** Where a packet enters. Entry programs are run first, as on a device. */
export type Hook =
  | { readonly at: "from-pod"; readonly pod: Pod; readonly mark?: number; readonly vlan?: boolean }
  | { readonly at: "to-pod"; readonly pod: Pod; readonly mark?: number; readonly ingressIfindex?: number }
  | { readonly at: "from-host"; readonly ingressIfindex?: number }
  | { readonly at: "to-netdev"; readonly ingressIfindex?: number; readonly mark?: number }
  | { readonly at: "from-netdev"; readonly mark?: number }
  | { readonly at: "to-lo" }
  /** Out of the device of podA, an ipvlan slave, in its namespace. */
  | { readonly at: "pod-out" }
  | { readonly at: "from-overlay"; readonly vni: number; readonly outerSource: string; readonly mark?: number }
  | { readonly at: "from-overlay-without-key" }
  | { readonly at: "to-overlay"; readonly vni: number; readonly mark: number }
  | { readonly at: "to-overlay-without-key" };

export const fromA: Hook = { at: "from-pod", pod: podA };
export const fromB: Hook = { at: "from-pod", pod: podB };
export const toA: Hook = { at: "to-pod", pod: podA };
export const toB: Hook & { readonly at: "to-pod" } = { at: "to-pod", pod: podB };

/** TC actions. */
export const Verdict = { PASS: 0, DROP: 2, REDIRECT: 7, NEXT: 0xffffffff } as const;

export type EventMatch = { readonly kind: EventRow["kind"] } & { readonly [field: string]: unknown };

export interface Step {
  /** Changes the world before the packet is sent. */
  readonly change?: (world: World) => void;
  readonly send: Uint8Array;
  readonly into: Hook;
  /** Left out when `drop` is given. */
  readonly verdict?: number;
  /** Drop reason: the verdict is DROP, and exactly one drop event and one counter say so. */
  readonly drop?: number;
  /** Each has to match an event of this packet in the fields given. */
  readonly events?: readonly EventMatch[];
  /** None may match an event of this packet. */
  readonly missing?: readonly EventMatch[];
  /** Kinds of which this packet gives no event. */
  readonly silent?: readonly EventRow["kind"][];
  /** What the packet has to look like afterwards. */
  readonly packet?: Uint8Array;
  /** Mark afterwards. */
  readonly mark?: number;
  /** The tunnel key that it was given: identity, and the node that it goes to. */
  readonly tunnel?: { readonly vni: number; readonly to: string };
  /** Looks at the maps afterwards. */
  readonly check?: (world: World) => void;
}

export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** What differs between the families in a case. */
export interface FamilyWords {
  readonly family: 4 | 6;
  readonly name: "IPv4" | "IPv6";
  readonly world: number;
  /** The protocol number and the types of ICMP. */
  readonly icmp: number;
  readonly echoRequest: number;
  readonly echoReply: number;
  readonly unreachable: number;
  ip(addresses: Addresses): string;
}

const families: readonly FamilyWords[] = [
  {
    family: 4,
    name: "IPv4",
    world: WORLD_IPV4,
    icmp: 1,
    echoRequest: 8,
    echoReply: 0,
    unreachable: 3,
    ip: (of) => of.ipv4,
  },
  {
    family: 6,
    name: "IPv6",
    world: WORLD_IPV6,
    icmp: 58,
    echoRequest: 128,
    echoReply: 129,
    unreachable: 1,
    ip: (of) => of.ipv6,
  },
];

/** The same cases for IPv4 and IPv6, the family named at the end. */
export function bothFamilies(build: (words: FamilyWords) => readonly Case[]): Case[] {
  return families.flatMap((words) => build(words).map((each) => ({ ...each, name: `${each.name} (${words.name})` })));
}

type IpRest = Partial<IpOptions>;

/** A frame as a pod sends it to its gateway. */
export function sent(words: FamilyWords, pod: Pod, to: Addresses, payload: Payload, rest: IpRest = {}): Uint8Array {
  const ethernet = { source: pod.mac, destination: pod.nodeMac };
  return ipFrame(ethernet, { source: words.ip(pod), destination: words.ip(to), ...rest }, payload);
}

/** A frame as the stack or another node gives it, whatever its MAC addresses. */
export function arriving(
  words: FamilyWords,
  from: Addresses,
  pod: Pod,
  payload: Payload,
  rest: IpRest = {},
): Uint8Array {
  const ethernet = { source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" };
  return ipFrame(ethernet, { source: words.ip(from), destination: words.ip(pod), ...rest }, payload);
}

/** A frame as a pod gets it: its gateway's MAC address, one hop less. */
export function received(
  words: FamilyWords,
  from: Addresses,
  pod: Pod,
  payload: Payload,
  rest: IpRest = {},
): Uint8Array {
  const ethernet = { source: pod.nodeMac, destination: pod.mac };
  const ip = { ttl: 63, source: words.ip(from), destination: words.ip(pod), ...rest };
  return ipFrame(ethernet, ip, payload);
}
