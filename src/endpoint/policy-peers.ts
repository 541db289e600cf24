// SPDX-License-Identifier: Apache-2.0
// What a policy set says, peer by peer: from a resolved policy, compared, and summed up in a number.
import {
  addsOnly,
  type PolicyMapPort,
  type PolicyPeers,
  type PortList,
  portList,
  withAnybody,
} from "../datapath/index.ts";
import type { PeerPorts } from "./deps.ts";

/** Another list of some peers; undefined: none any more. */
export type PeerChanges = ReadonlyMap<number, PortList | undefined>;

const lists = new WeakMap<ReadonlyMap<number, PolicyMapPort>, PortList>();

/** The lists of all peers of a policy. */
export function peersOf(policy: PeerPorts): Map<number, PortList> {
  return new Map(Array.from(policy.groups, ([identity, ports]) => [identity, listOf(ports)]));
}

/** The lists that these peers have in the policy now. */
export function listsFor(policy: PeerPorts, identities: Iterable<number>): Map<number, PortList | undefined> {
  const changes = new Map<number, PortList | undefined>();
  for (const identity of identities) {
    const ports = policy.groups.get(identity);
    changes.set(identity, ports === undefined ? undefined : listOf(ports));
  }
  return changes;
}

/** What has to change so that `from` becomes `to`. */
export function difference(from: PolicyPeers, to: PolicyPeers): PeerChanges {
  const changes = new Map<number, PortList | undefined>();
  for (const [identity, list] of to) if (from.get(identity)?.text !== list.text) changes.set(identity, list);
  for (const identity of from.keys()) if (!to.has(identity)) changes.set(identity, undefined);
  return changes;
}

/** Whether both say the same of everybody. */
export function samePeers(a: PolicyPeers, b: PolicyPeers): boolean {
  if (a.size !== b.size) return false;
  for (const [identity, list] of a) if (b.get(identity)?.text !== list.text) return false;
  return true;
}

/** Whether everything that was allowed stays allowed with the same words; then no flow has to ask again. */
export function onlyAdds(peers: PolicyPeers, changes: PeerChanges): boolean {
  const before = peers.get(0);
  const after = changes.has(0) ? changes.get(0) : before;
  for (const [identity, list] of changes) {
    const old = peers.get(identity);
    if (identity === 0 ? !addsOnly(old, list) : !addsOnly(wholeOf(old, before), wholeOf(list, after))) return false;
  }
  return true;
}

/** A number of 32 bits, whatever the order; equal for equal peers, and different for most others. */
export function sumOf(peers: PolicyPeers): number {
  let sum = 0;
  for (const [identity, list] of peers) sum += peerSum(identity, list);
  return sum >>> 0;
}

/** The sum after changes. */
export function sumAfter(sum: number, peers: PolicyPeers, changes: PeerChanges): number {
  let next = sum;
  for (const [identity, list] of changes) {
    next += peerSum(identity, list) - peerSum(identity, peers.get(identity));
  }
  return next >>> 0;
}

/** Entries of all lists. */
export function entryCount(peers: PolicyPeers): number {
  let count = 0;
  for (const { entries } of peers.values()) count += entries.length;
  return count;
}

function listOf(ports: ReadonlyMap<number, PolicyMapPort>): PortList {
  const known = lists.get(ports) ?? portList(ports.values());
  lists.set(ports, known);
  return known;
}

function wholeOf(own: PortList | undefined, anybody: PortList | undefined): PortList | undefined {
  return own === undefined ? anybody : withAnybody(own, anybody);
}

const sums = new WeakMap<PortList, number>();

function peerSum(identity: number, list: PortList | undefined): number {
  if (list === undefined) return 0;
  const known = sums.get(list) ?? hash(list.text);
  sums.set(list, known);
  return Math.imul(known ^ Math.imul(identity + 1, 0x9e3779b1), 0x85ebca6b) >>> 0;
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0;
}
