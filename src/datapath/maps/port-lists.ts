// SPDX-License-Identifier: Apache-2.0
// Lists of ports: what a policy says about peers that it treats alike.
import type { PolicyMapPort, PortList } from "./types.ts";

/** The list of these entries, in any order; of two with the same key the later one counts. */
export function portList(entries: Iterable<PolicyMapPort>): PortList {
  const byKey = new Map<number, PolicyMapPort>();
  for (const entry of entries) byKey.set(portKey(entry), entry);
  const sorted = [...byKey].sort(([a], [b]) => a - b);
  return {
    entries: sorted.map(([, entry]) => entry),
    text: sorted.map(([key, entry]) => `${key}=${describe(entry)}`).join(";"),
  };
}

/**
 * What holds for a named peer: what is said about it, and of what is said about anybody that which it leaves open. So
 * it gives the answers that asking `own` first and then `anybody` would give. Entries of `anybody` are marked.
 */
export function withAnybody(own: PortList, anybody: PortList | undefined): PortList {
  if (anybody === undefined || anybody.entries.length === 0) return own;
  const taken = new Set(own.entries.map(portKey));
  const open = anybody.entries.filter((entry) => !isCovered(entry, taken));
  return open.length === 0
    ? own
    : portList([...own.entries, ...open.map((entry) => ({ ...entry, anybody: true as const }))]);
}

/** The list without what was said about anybody. */
export function ownPart(list: PortList): PortList {
  return list.entries.some(isAnybody) ? portList(list.entries.filter((entry) => !isAnybody(entry))) : list;
}

/** Whether everything that `before` allows is allowed by `after` in the same words, and nothing new is denied. */
export function addsOnly(before: PortList | undefined, after: PortList | undefined): boolean {
  if (before?.text === after?.text) return true;
  const left = new Map(before?.entries.map((entry) => [portKey(entry), describe(entry)]));
  for (const entry of after?.entries ?? []) {
    const words = left.get(portKey(entry));
    if (words === undefined ? entry.verdict !== "allow" : words !== describe(entry)) return false;
    left.delete(portKey(entry));
  }
  return left.size === 0;
}

/** Everything but the key of an entry: who answers what. */
function describe(entry: PolicyMapPort): string {
  const { verdict, cookie, proxyPort, authType, isDefault, staged, anybody } = entry;
  const rare = isDefault || staged || anybody;
  const words = `${verdict},${cookie},${proxyPort},${authType}`;
  return rare ? `${words},${isDefault ?? ""},${staged?.verdict ?? ""},${staged?.cookie ?? ""},${anybody ?? ""}` : words;
}

/** A number that is the same for equal protocols and port prefixes only. Bits behind the prefix do not count. */
export function portKey({ protocol, port, portPrefix }: Pick<PolicyMapPort, "protocol" | "port" | "portPrefix">) {
  return (protocol * 32 + portPrefix) * 65536 + (port & (0xffff0000 >>> portPrefix) & 0xffff);
}

function isAnybody(entry: PolicyMapPort): boolean {
  return entry.anybody === true;
}

/** Whether an entry of `taken` is as wide or wider. */
function isCovered({ protocol, port, portPrefix }: PolicyMapPort, taken: ReadonlySet<number>): boolean {
  if (taken.has(portKey({ protocol: 0, port: 0, portPrefix: 0 }))) return true;
  if (protocol === 0) return false;
  for (let bits = portPrefix; bits >= 0; bits--) {
    if (taken.has(portKey({ protocol, port, portPrefix: bits }))) return true;
  }
  return false;
}
