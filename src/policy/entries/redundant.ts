// SPDX-License-Identifier: Apache-2.0
// Which entries may be left out, since a wider one gives the same answer.
import type { PolicyEntry } from "../types.ts";
import type { PortEntries } from "./decide.ts";
import { packCovering, packPort } from "./ports.ts";

/**
 * The entries of an identity without those that a wider one of the same identity, or one at least as wide of any
 * identity (`anyPeer`), makes superfluous. Only plain allows are left out, and only in favour of plain allows.
 */
export function withoutRedundant(own: PortEntries, anyPeer: PortEntries | undefined): Map<number, PolicyEntry> {
  const kept = new Map<number, PolicyEntry>();
  for (const [key, entry] of own) {
    if (plainAllow(entry) && (covered(entry, own, false) || covered(entry, anyPeer, true))) continue;
    kept.set(key, entry);
  }
  return kept;
}

function covered(entry: PolicyEntry, by: PortEntries | undefined, equalToo: boolean): boolean {
  if (by === undefined || by.size === 0) return false;
  if (equalToo && isPlainAllow(by.get(packPort(entry)))) return true;
  if (entry.protocol === 0) return false;
  if (isPlainAllow(by.get(0))) return true;
  for (let length = entry.portPrefix - 1; length >= 0; length--) {
    if (isPlainAllow(by.get(packCovering(entry.protocol, entry.port, length)))) return true;
  }
  return false;
}

function isPlainAllow(entry: PolicyEntry | undefined): boolean {
  return entry !== undefined && plainAllow(entry);
}

function plainAllow({ verdict, proxyPort, authType }: PolicyEntry): boolean {
  return verdict === "allow" && proxyPort === 0 && authType === 0;
}
