// SPDX-License-Identifier: Apache-2.0
// Policy entries as bytes of the two policy maps: one port each in the hash, everything wider in the trie.
import {
  decodePolicyEntry,
  decodePolicyKey,
  decodePolicyPrefixKey,
  encodePolicyEntry,
  encodePolicyKey,
  encodePolicyPrefixKey,
  POLICY_KEY_SIZE,
  POLICY_PREFIX_BASE,
  POLICY_PREFIX_KEY_SIZE,
  PolicyDirection,
  PolicyEntryFlags,
  PolicyStaged,
  PolicyVerdict,
} from "../../abi/index.ts";
import { DatapathError } from "../errors.ts";
import type {
  Direction,
  PolicyMapEntry,
  PolicyMapKey,
  PolicyMapRow,
  PolicyMapVerdict,
  StagedVerdict,
} from "./types.ts";

const PROTOCOL_BITS = 8;
const PORT_BITS = 16;

const directionNumbers = { ingress: PolicyDirection.DIRECTION_INGRESS, egress: PolicyDirection.DIRECTION_EGRESS };
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

/** Whether the entry goes into the hash of single ports. */
export function isExact(key: PolicyMapKey): boolean {
  return key.portPrefix === PORT_BITS;
}

/** Key bytes of the map that `isExact` names. Throws DatapathError for what the maps cannot express. */
export function encodeKey(set: number, key: PolicyMapKey): Uint8Array {
  checkKey(set, key);
  const direction = directionNumbers[key.direction];
  const { identity, protocol } = key;
  if (isExact(key)) return encodePolicyKey({ set, identity, direction, protocol, dport: key.port });
  const dport = key.port & (0xffff << (PORT_BITS - key.portPrefix)) & 0xffff;
  const prefixlen = POLICY_PREFIX_BASE + prefixBits(key);
  return encodePolicyPrefixKey({ prefixlen, set, identity, direction, protocol, dport });
}

/** Value bytes. */
export function encodeValue(entry: PolicyMapEntry): Uint8Array {
  return encodePolicyEntry({
    cookie: entry.cookie,
    proxyPort: entry.proxyPort,
    verdict: verdictNumbers[entry.verdict],
    authType: entry.authType,
    prefixBits: prefixBits(entry),
    flags: entry.isDefault === true ? PolicyEntryFlags.POLICY_ENTRY_DEFAULT : 0,
    staged: entry.staged === undefined ? PolicyStaged.STAGED_NONE : stagedNumbers[entry.staged.verdict],
    stagedCookie: entry.staged?.cookie ?? 0,
  });
}

/** A row of the hash. */
export function decodeExact(keyBytes: Uint8Array, value: Uint8Array): PolicyMapRow {
  const key = decodePolicyKey(keyBytes);
  return row(key, PORT_BITS, value);
}

/** A row of the trie. */
export function decodePrefix(keyBytes: Uint8Array, value: Uint8Array): PolicyMapRow {
  const key = decodePolicyPrefixKey(keyBytes);
  return row(key, Math.max(0, key.prefixlen - POLICY_PREFIX_BASE - PROTOCOL_BITS), value);
}

/** The set of a key, of either map. */
export function setOfKey(key: Uint8Array): number {
  if (key.length === POLICY_KEY_SIZE) return decodePolicyKey(key).set;
  if (key.length === POLICY_PREFIX_KEY_SIZE) return decodePolicyPrefixKey(key).set;
  throw new DatapathError(`Cannot read policy key of ${key.length} bytes`);
}

function row(
  key: { set: number; identity: number; direction: number; protocol: number; dport: number },
  portPrefix: number,
  value: Uint8Array,
): PolicyMapRow {
  const entry = decodePolicyEntry(value);
  const staged = decodeStaged(entry.staged, entry.stagedCookie);
  const direction: Direction = key.direction === PolicyDirection.DIRECTION_INGRESS ? "ingress" : "egress";
  return {
    set: key.set,
    identity: key.identity,
    direction,
    protocol: key.protocol,
    port: key.dport,
    portPrefix,
    verdict: verdicts[entry.verdict] ?? "deny",
    cookie: entry.cookie,
    proxyPort: entry.proxyPort,
    authType: entry.authType,
    ...((entry.flags & PolicyEntryFlags.POLICY_ENTRY_DEFAULT) !== 0 && { isDefault: true }),
    ...(staged !== undefined && { staged }),
  };
}

/** `enum policy_staged` with its cookie, as entries and verdict events carry it; undefined: no staged policy. */
export function decodeStaged(number: number, cookie: number): StagedVerdict | undefined {
  for (const verdict of stagedVerdicts) if (stagedNumbers[verdict] === number) return { verdict, cookie };
  return undefined;
}

function prefixBits(key: PolicyMapKey): number {
  return key.protocol === 0 ? 0 : PROTOCOL_BITS + key.portPrefix;
}

function checkKey(set: number, key: PolicyMapKey): void {
  const fail = (why: string) => {
    throw new DatapathError(`Cannot write policy entry of set "${set}": ${why}`);
  };
  if (!inRange(set, 1, 0xffffffff)) fail("the set is 1 to 4294967295");
  if (!inRange(key.identity, 0, 0xffffffff)) fail(`identity ${key.identity} is not a number of 32 bits`);
  if (!inRange(key.protocol, 0, 255)) fail(`protocol ${key.protocol} is not 0 to 255`);
  if (!inRange(key.port, 0, 65535)) fail(`port ${key.port} is not 0 to 65535`);
  if (!inRange(key.portPrefix, 0, PORT_BITS)) fail(`port prefix ${key.portPrefix} is not 0 to 16`);
  if (key.protocol === 0 && key.portPrefix !== 0) fail("a port needs a protocol");
}

function inRange(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}
