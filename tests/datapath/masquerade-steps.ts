// SPDX-License-Identifier: Apache-2.0
// Steps that the cases of masquerading share: packets that leave and answers, with what they have to become.
import { type FamilyWords, type Hook, received, type Step, Verdict } from "./case.ts";
import { type IpOptions, ipFrame, ipv4, ipv6, type Payload, tcp, udp } from "./packet.ts";
import { masqueraded, node } from "./translations.ts";
import { type Addresses, internet, type Pod } from "./world.ts";

/** In a prefix that is excluded. */
export const office = { ipv4: "203.0.113.9", ipv6: "2001:db8:113::9" } as const;
export const group = { ipv4: "224.0.0.5", ipv6: "ff02::5" } as const;
export const secondServer = { ipv4: "192.0.2.81", ipv6: "2001:db8::81" } as const;

export const leaving = (pod?: Pod): Hook & { readonly at: "to-netdev" } => ({
  at: "to-netdev",
  ...(pod && { ingressIfindex: pod.ifindex }),
});
export const coming: Hook = { at: "from-netdev" };
/** The device of the test runs has this MAC address. */
const ethernet = { source: "02:00:00:00:00:01", destination: "00:00:00:00:00:00" };

export type IpRest = Partial<IpOptions>;

export function frame(
  words: FamilyWords,
  from: Addresses,
  to: Addresses,
  payload: Payload,
  rest: IpRest = {},
): Uint8Array {
  return ipFrame(ethernet, { source: words.ip(from), destination: words.ip(to), ...rest }, payload);
}

/** A pod's packet leaves as the node's, with the port `as`. */
export function leaves(words: FamilyWords, pod: Pod, make: (port: number) => Payload, port: number, as = port): Step {
  return {
    send: frame(words, pod, internet, make(port)),
    into: leaving(pod),
    verdict: Verdict.NEXT,
    packet: frame(words, node, internet, make(as)),
  };
}

/** An answer to the node's port `as` reaches the pod's port. */
export function answers(words: FamilyWords, pod: Pod, make: (port: number) => Payload, port: number, as = port): Step {
  return {
    send: frame(words, internet, node, make(as)),
    into: coming,
    verdict: Verdict.REDIRECT,
    packet: received(words, internet, pod, make(port)),
  };
}

/** It goes on as it came. */
export function untouched(words: FamilyWords, from: Addresses, to: Addresses, payload: Payload, into: Hook): Step {
  const send = frame(words, from, to, payload);
  return { send, into, verdict: Verdict.NEXT, packet: send };
}

export const get = (flags: number) => (port: number) => tcp({ sport: port, dport: 80, flags });
export const got = (flags: number) => (port: number) => tcp({ sport: 80, dport: port, flags });
export const query = (port: number) => udp({ sport: port, dport: 53, data: Uint8Array.of(1, 2, 3) });
export const reply = (port: number) => udp({ sport: 53, dport: port, data: Uint8Array.of(4, 5, 6, 7) });

/** The first step of a case: what the world is like. */
export function first(step: Step): Step {
  return { ...step, change: masqueraded };
}

/** What an error quotes: the packet that `from` sent, or its beginning. */
export function quote(
  words: FamilyWords,
  from: Addresses,
  to: Addresses,
  payload: Payload,
  length?: number,
): Uint8Array {
  const ip = { source: words.ip(from), destination: words.ip(to), ttl: 9 };
  const bytes = words.family === 4 ? ipv4(ip, payload) : ipv6(ip, payload);
  return length === undefined ? bytes : bytes.subarray(0, (words.family === 4 ? 20 : 40) + length);
}
