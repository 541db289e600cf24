// SPDX-License-Identifier: Apache-2.0
// ARP from pods.
import { DropReason } from "../../src/abi/index.ts";
import { type Case, fromA, toA, Verdict } from "./case.ts";
import { type ArpOptions, arp, EtherType, frame } from "./packet.ts";
import { podA, podB, router } from "./world.ts";

const BROADCAST = "ff:ff:ff:ff:ff:ff";

function request(change: Partial<ArpOptions> = {}, destination = BROADCAST, source = podA.mac): Uint8Array {
  const message = arp({ senderMac: podA.mac, sender: podA.ipv4, target: router.ipv4, ...change });
  return frame({ source, destination }, EtherType.ARP, message);
}

function reply(sender: string): Uint8Array {
  const message = { operation: 2, senderMac: podA.nodeMac, sender, targetMac: podA.mac, target: podA.ipv4 };
  return frame({ source: podA.nodeMac, destination: podA.mac }, EtherType.ARP, arp(message));
}

export const arpCases: readonly Case[] = [
  {
    name: "answers an ARP request for the gateway with the host side's MAC address",
    steps: [{ send: request(), into: fromA, verdict: Verdict.REDIRECT, packet: reply(router.ipv4), silent: ["trace"] }],
  },
  {
    name: "answers an ARP request for any other address alike, also when sent to the gateway alone",
    steps: [
      { send: request({ target: podB.ipv4 }), into: fromA, verdict: Verdict.REDIRECT, packet: reply(podB.ipv4) },
      { send: request({}, podA.nodeMac), into: fromA, verdict: Verdict.REDIRECT, packet: reply(router.ipv4) },
    ],
  },
  {
    name: "drops an ARP request for the pod's own address",
    steps: [{ send: request({ target: podA.ipv4 }), into: fromA, drop: DropReason.DROP_INVALID }],
  },
  {
    name: "threats: drops ARP replies and other operations of a pod",
    steps: [
      { send: request({ operation: 2 }), into: fromA, drop: DropReason.DROP_INVALID },
      { send: request({ operation: 2, target: podA.ipv4 }), into: fromA, drop: DropReason.DROP_INVALID },
      { send: request({ operation: 3 }), into: fromA, drop: DropReason.DROP_INVALID },
    ],
  },
  {
    name: "threats: drops an ARP request in the name of another MAC or IP address",
    steps: [
      { send: request({}, BROADCAST, podB.mac), into: fromA, drop: DropReason.DROP_INVALID_SMAC },
      { send: request({ senderMac: podB.mac }), into: fromA, drop: DropReason.DROP_INVALID_SMAC },
      { send: request({ sender: podB.ipv4 }), into: fromA, drop: DropReason.DROP_INVALID_SIP },
      { send: request({ sender: "0.0.0.0" }), into: fromA, drop: DropReason.DROP_INVALID_SIP },
    ],
  },
  {
    name: "drops a truncated ARP message",
    steps: [{ send: request().subarray(0, 40), into: fromA, drop: DropReason.DROP_INVALID }],
  },
  {
    name: "drops ARP from the stack to a pod",
    steps: [{ send: request(), into: toA, drop: DropReason.DROP_UNSUPPORTED_L2 }],
  },
];
