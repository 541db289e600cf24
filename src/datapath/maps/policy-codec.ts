// SPDX-License-Identifier: Apache-2.0
// Policy peers and ports as bytes of the two policy maps.
import {
  decodePolicyEntry,
  decodePolicyPeer,
  decodePolicyPeerKey,
  decodePolicyPortKey,
  encodePolicyEntry,
  encodePolicyPeer,
  encodePolicyPeerKey,
  encodePolicyPortKey,
  POLICY_CHECK_IDENTITY,
  POLICY_CHECK_SET,
  POLICY_PORTS_BITS,
  POLICY_WIDTHS_BITS,
  PolicyEntryFlags,
  PolicyStaged,
  PolicyVerdict,
  PolicyWidth,
} from "../../abi/index.ts";
import { DatapathError } from "../errors.ts";
import type { Direction, PolicyMapPort, PolicyMapVerdict, StagedVerdict } from "./types.ts";

const PROTOCOL_BITS = 8;
const PORT_BITS = 16;
/** The largest number of a list. */
export const MAX_LIST = 2 ** POLICY_PORTS_BITS - 1;

const verdicts: readonly PolicyMapVerdict[] = ["allow", "deny", "audit"];
const verdictNumbers = {
  allow: PolicyVerdict.POLICY_ALLOW,
  deny: PolicyVerdict.POLICY_DENY,
  audit: PolicyVerdict.POLICY_AUDIT,
};
const stagedNumbers = {
  allow: PolicyStaged.STAGED_ALLOW,
  deny: PolicyStaged.STAGED_DENY,
  "default-deny": PolicyStaged.STAGED_DEFAULT_DENY,
};
const stagedVerdicts = ["allow", "deny", "default-deny"] as const;

/** Who asks which list. */
export interface PeerRow {
  readonly set: number;
  /** 0: anybody. */
  readonly identity: number;
  readonly direction: Direction;
  /** Number of the list. */
  readonly ports: number;
}

/** Throws DatapathError for what the map of peers cannot express. */
export function checkPeer(set: number, identity: number): void {
  if (!inRange(set, 1, 0xffffffff)) refuse(`set ${set} is not 1 to 4294967295`);
  if (!inRange(identity, 0, 0xffffffff)) refuse(`identity ${identity} is not a number of 32 bits`);
}

/** Writes the key of a peer. */
export function encodePeerKey(set: number, identity: number, into?: Uint8Array, offset?: number): Uint8Array {
  return encodePolicyPeerKey({ set, identity }, into, offset);
}

/** Writes what a peer asks: a list and the widths of its entries; and the check that it is about this peer. */
export function encodePeer(
  peer: PeerRow & { readonly widths: number },
  into?: Uint8Array,
  offset?: number,
): Uint8Array {
  const egress = peer.direction === "egress" ? PolicyWidth.POLICY_PEER_EGRESS : 0;
  const check = checkOf(peer.set, peer.identity);
  const value = {
    ports: (peer.ports | (check << POLICY_PORTS_BITS)) >>> 0,
    widths: (peer.widths | egress | ((check >>> (32 - POLICY_PORTS_BITS)) << POLICY_WIDTHS_BITS)) >>> 0,
  };
  return encodePolicyPeer(value, into, offset);
}

/** A row of cilium_policy_v2_peers. */
export function decodePeer(key: Uint8Array, value: Uint8Array): PeerRow {
  const { ports, widths } = decodePolicyPeer(value);
  const direction = (widths & PolicyWidth.POLICY_PEER_EGRESS) === 0 ? "ingress" : "egress";
  return { ...decodePolicyPeerKey(key), ports: ports & MAX_LIST, direction };
}

/** Bits of `policy_peer.widths` for a list of these entries. */
export function widthsOf(entries: Iterable<PolicyMapPort>): number {
  let widths = 0;
  for (const { protocol, portPrefix } of entries)
    widths |= protocol === 0 ? PolicyWidth.POLICY_WIDTH_ANY_PROTOCOL : 1 << portPrefix;
  return widths >>> 0;
}

/** Writes the key of a list's entry; port bits behind the prefix are cleared. Throws DatapathError for what the map cannot express. */
export function encodePortKey(ports: number, entry: PolicyMapPort, into?: Uint8Array, offset?: number): Uint8Array {
  const { protocol, port, portPrefix } = entry;
  if (!inRange(protocol, 0, 255)) refuse(`protocol ${protocol} is not 0 to 255`);
  if (!inRange(port, 0, 65535)) refuse(`port ${port} is not 0 to 65535`);
  if (!inRange(portPrefix, 0, PORT_BITS)) refuse(`port prefix ${portPrefix} is not 0 to 16`);
  if (protocol === 0 && (portPrefix !== 0 || port !== 0)) refuse("a port needs a protocol");
  const dport = port & (0xffff << (PORT_BITS - portPrefix)) & 0xffff;
  return encodePolicyPortKey({ ports, protocol, prefixBits: prefixBits(entry), dport }, into, offset);
}

/** Writes an entry's value. */
export function encodePort(entry: PolicyMapPort, into?: Uint8Array, offset?: number): Uint8Array {
  const value = {
    cookie: entry.cookie,
    proxyPort: entry.proxyPort,
    verdict: verdictNumbers[entry.verdict],
    authType: entry.authType,
    prefixBits: prefixBits(entry),
    flags:
      (entry.isDefault === true ? PolicyEntryFlags.POLICY_ENTRY_DEFAULT : 0) |
      (entry.anybody === true ? PolicyEntryFlags.POLICY_ENTRY_ANYBODY : 0),
    staged: entry.staged === undefined ? PolicyStaged.STAGED_NONE : stagedNumbers[entry.staged.verdict],
    stagedCookie: entry.staged?.cookie ?? 0,
  };
  return encodePolicyEntry(value, into, offset);
}

/** A row of cilium_policy_v2_ports. */
export function decodePort(
  keyBytes: Uint8Array,
  valueBytes: Uint8Array,
): { readonly ports: number; readonly entry: PolicyMapPort } {
  const key = decodePolicyPortKey(keyBytes);
  const value = decodePolicyEntry(valueBytes);
  const staged = decodeStaged(value.staged, value.stagedCookie);
  const entry: PolicyMapPort = {
    protocol: key.protocol,
    port: key.dport,
    portPrefix: Math.max(0, key.prefixBits - PROTOCOL_BITS),
    verdict: verdicts[value.verdict] ?? "deny",
    cookie: value.cookie,
    proxyPort: value.proxyPort,
    authType: value.authType,
    ...((value.flags & PolicyEntryFlags.POLICY_ENTRY_DEFAULT) !== 0 && { isDefault: true as const }),
    ...((value.flags & PolicyEntryFlags.POLICY_ENTRY_ANYBODY) !== 0 && { anybody: true as const }),
    ...(staged !== undefined && { staged }),
  };
  return { ports: key.ports, entry };
}

/** `enum policy_staged` with its cookie, as entries and verdict events carry it; undefined: no staged policy. */
export function decodeStaged(number: number, cookie: number): StagedVerdict | undefined {
  for (const verdict of stagedVerdicts) if (stagedNumbers[verdict] === number) return { verdict, cookie };
  return undefined;
}

/** The upper 20 bits of a hash of whom an entry is about. */
function checkOf(set: number, identity: number): number {
  return (Math.imul(set, POLICY_CHECK_SET) ^ Math.imul(identity, POLICY_CHECK_IDENTITY)) >>> 12;
}

function prefixBits({ protocol, portPrefix }: PolicyMapPort): number {
  return protocol === 0 ? 0 : PROTOCOL_BITS + portPrefix;
}

function refuse(why: string): never {
  throw new DatapathError(`Cannot write policy entry: ${why}`);
}

function inRange(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}
