// SPDX-License-Identifier: Apache-2.0
// Policy sets of the kernel, shared by endpoints whose resolved policy is equal.
import { createHash } from "node:crypto";
import { createLogger, toError } from "../core/index.ts";
import type { PolicyMap, PolicyMapEntry } from "../datapath/index.ts";

const log = createLogger("policy-sets");

interface PolicySet {
  readonly id: number;
  readonly fingerprint: string;
  readonly entries: ReadonlyMap<string, PolicyMapEntry>;
  users: number;
}

/**
 * Keeps one set for each distinct list of entries. A set never changes while somebody uses it: a new policy is a
 * new set, written whole before any endpoint is pointed at it. Sets that an earlier run left are taken over, with the
 * slots that name them as users, so that a restart finds every endpoint on the very set it had.
 */
export class PolicySets {
  readonly #openMap: () => PolicyMap;
  readonly #byFingerprint = new Map<string, PolicySet>();
  readonly #byId = new Map<number, PolicySet>();
  #nextId = 1;

  /** The map may be opened later than this is made. */
  constructor(openMap: () => PolicyMap) {
    this.#openMap = openMap;
  }

  /** Reads the sets in the kernel. Call once, before the first acquire. */
  load(): void {
    const bySet = Map.groupBy(this.#map.list(), (row) => row.set);
    for (const [id, rows] of bySet) {
      const entries = indexEntries(rows.map(({ set: _, ...entry }) => entry));
      this.#add({ id, fingerprint: fingerprintOf(entries), entries, users: 0 });
    }
  }

  /** Counts a slot of an earlier run as a user of the set that it names. A set that allows nothing has no entries. */
  adopt(id: number): void {
    const set = this.#byId.get(id);
    if (set === undefined) this.#add({ id, fingerprint: fingerprintOf(new Map()), entries: new Map(), users: 1 });
    else set.users++;
  }

  /** The id of a set with exactly these entries, written if it was not there. Throws when the map is full. */
  acquire(entries: readonly PolicyMapEntry[]): number {
    const indexed = indexEntries(entries);
    const fingerprint = fingerprintOf(indexed);
    let set = this.#byFingerprint.get(fingerprint);
    if (set === undefined) {
      set = { id: this.#nextId, fingerprint, entries: indexed, users: 0 };
      this.#write(set.id, entries);
      this.#add(set);
    }
    set.users++;
    return set.id;
  }

  /** Gives a set back; the last user's removes its entries. Call only when no slot names it any more. */
  release(id: number): void {
    const set = this.#byId.get(id);
    if (set === undefined) return;
    set.users--;
    if (set.users > 0) return;
    try {
      this.#remove(set);
    } catch (thrown) {
      log.warn("Cannot remove a policy set, trying again later", { set: id, error: toError(thrown).message });
    }
  }

  /** Removes sets that nobody uses: an earlier run left them, or their removal failed. Returns how many. */
  prune(): number {
    const unused = [...this.#byId.values()].filter((set) => set.users <= 0);
    for (const set of unused) this.#remove(set);
    return unused.length;
  }

  /** Whether everything that `from` allows is allowed by `to` with the same words; then no flow has to ask again. */
  onlyAdds(from: number, to: number): boolean {
    if (from === to) return true;
    const old = this.#byId.get(from);
    const replacement = this.#byId.get(to);
    if (old === undefined || replacement === undefined) return false;
    for (const [key, entry] of old.entries) {
      const other = replacement.entries.get(key);
      if (other === undefined || describe(other) !== describe(entry)) return false;
    }
    for (const [key, entry] of replacement.entries) {
      if (!old.entries.has(key) && entry.verdict !== "allow") return false;
    }
    return true;
  }

  /** How many sets there are, and the entries in all of them. */
  size(): { sets: number; entries: number } {
    let entries = 0;
    for (const set of this.#byId.values()) entries += set.entries.size;
    return { sets: this.#byId.size, entries };
  }

  get #map(): PolicyMap {
    return this.#openMap();
  }

  #add(set: PolicySet): void {
    this.#nextId = Math.max(this.#nextId, set.id + 1);
    this.#byId.set(set.id, set);
    if (!this.#byFingerprint.has(set.fingerprint)) this.#byFingerprint.set(set.fingerprint, set);
  }

  #write(id: number, entries: readonly PolicyMapEntry[]): void {
    try {
      this.#map.writeSet(id, entries);
    } catch (error) {
      this.#map.deleteSet(id);
      throw error;
    }
  }

  #remove(set: PolicySet): void {
    // From here on it may hold a part of its entries only.
    if (this.#byFingerprint.get(set.fingerprint) === set) this.#byFingerprint.delete(set.fingerprint);
    this.#map.deleteSet(set.id);
    this.#byId.delete(set.id);
  }
}

function keyOf(entry: PolicyMapEntry): string {
  return `${entry.direction}/${entry.identity}/${entry.protocol}/${entry.port}/${entry.portPrefix}`;
}

function describe(entry: PolicyMapEntry): string {
  const { verdict, cookie, proxyPort, authType, isDefault, staged } = entry;
  const plain = `${verdict}/${cookie}/${proxyPort}/${authType}`;
  if (isDefault === undefined && staged === undefined) return plain;
  return `${plain}/${isDefault === true}/${staged?.verdict}/${staged?.cookie}`;
}

function indexEntries(entries: readonly PolicyMapEntry[]): Map<string, PolicyMapEntry> {
  return new Map(entries.map((entry) => [keyOf(entry), entry]));
}

function fingerprintOf(entries: ReadonlyMap<string, PolicyMapEntry>): string {
  const hash = createHash("sha256");
  for (const [key, entry] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${key}=${describe(entry)};`);
  return hash.digest("base64");
}
