// SPDX-License-Identifier: Apache-2.0
// Identities as they stand in the key-value store; what comes from there is not trusted.
import { Labels, oneLine, toError } from "../core/index.ts";
import { clusterIdentityRange, type IdentityRange, type IdentityRow } from "./types.ts";

/** Master keys: number → labels. */
export const mastersPrefix = "cilium/state/identities/v1/id/";
/** Slave keys: labels, node address → number. */
export const slavesPrefix = "cilium/state/identities/v1/value/";

/** Longest label string that is looked at, in characters. */
const maxValueLength = 32 * 1024;

/** A master key as it stands in the store. */
export interface Master {
  readonly row: IdentityRow;
  /** The stored text; other writers may order labels otherwise. */
  readonly value: string;
  readonly revision: bigint;
}

/** The master key of a number. */
export function masterKey(id: number): string {
  return `${mastersPrefix}${id}`;
}

/** The number that a master key names; undefined when it names none. */
export function idOfKey(key: string): number | undefined {
  const text = key.slice(mastersPrefix.length);
  return /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : undefined;
}

/** Reads the value of a master key: what it says, or why it cannot be used. Never throws. */
export function parseMaster(id: number, value: string, revision: bigint, range: IdentityRange): Master | string {
  const { min, max } = clusterIdentityRange;
  if ((id < min || id > max) && (id < range.min || id > range.max)) return `outside of ${min}-${max}`;
  if (value.length > maxValueLength) return `value of ${value.length} characters is too large`;
  try {
    const labels = Labels.fromCanonical(value);
    if (labels.size === 0) return "no labels";
    for (const { source } of labels) if (source === "reserved") return "reserved labels";
    return { row: { id, labels, source: "kvstore" }, value, revision };
  } catch (error) {
    return oneLine(toError(error).message, 200);
  }
}

/** Where a node begins to look for a free number: apart from others, so that they seldom want the same. */
export function firstNumber(range: IdentityRange, nodeIp: string): number {
  let hash = 2166136261;
  for (const char of nodeIp) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619) >>> 0;
  return range.min + (hash % (range.max - range.min + 1));
}
