// SPDX-License-Identifier: Apache-2.0
// A key-value store with revisions, history and leases in this process, as etcd has them.
import type { Clock } from "../../../core/index.ts";
import type { BackendTxnResult, BackendWrite } from "../../backend-types.ts";
import { KvCompactedError, KvLeaseNotFoundError } from "../../errors.ts";
import type { KvCompare, KvEntry, KvEvent, KvList } from "../../types.ts";

/** One change with the revision that made it. */
export interface HistoryEvent {
  readonly revision: bigint;
  readonly event: KvEvent;
}

interface Lease {
  readonly ttl: number;
  readonly keys: Set<string>;
  timer: Disposable;
}

/** Most events that are kept for watches that begin in the past. */
const historyLength = 10_000;

/** The store itself; connections share it by name. */
export class MemoryStore {
  readonly #clock: Clock;
  readonly #entries = new Map<string, KvEntry>();
  readonly #leases = new Map<bigint, Lease>();
  readonly #watchers = new Set<() => void>();
  #history: HistoryEvent[] = [];
  #revision = 1n;
  #compacted = 0n;
  #nextLease = 1n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get revision(): bigint {
    return this.#revision;
  }

  get(key: string): KvEntry | undefined {
    return this.#entries.get(key);
  }

  list(prefix: string): KvList {
    const items = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
    return { items: items.sort((a, b) => (a.key < b.key ? -1 : 1)), revision: this.#revision };
  }

  txn(compares: readonly KvCompare[], writes: readonly BackendWrite[]): BackendTxnResult {
    if (!compares.every((compare) => this.#holds(compare))) {
      return { succeeded: false, revision: this.#revision, deleted: 0 };
    }
    for (const write of writes) {
      if (write.kind === "put" && write.lease !== 0n && !this.#leases.has(write.lease)) {
        throw new KvLeaseNotFoundError(write.lease);
      }
    }
    return { succeeded: true, ...this.#apply(writes) };
  }

  deletePrefix(prefix: string): number {
    const keys = this.list(prefix).items.map(({ key }) => key);
    return this.#apply(keys.map((key) => ({ kind: "delete", key }))).deleted;
  }

  /** Events from that revision on; throws KvCompactedError when some are gone. */
  eventsFrom(prefix: string, revision: bigint): readonly HistoryEvent[] {
    // A revision that was not reached yet belongs to a store that was wiped since.
    if (revision <= this.#compacted || revision > this.#revision + 1n) throw new KvCompactedError(prefix, revision);
    const from = this.#history.findLastIndex((event) => event.revision < revision) + 1;
    return this.#history.slice(from).filter(({ event }) => keyOf(event).startsWith(prefix));
  }

  /** Calls the listener after each change. */
  onChange(listener: () => void): Disposable {
    this.#watchers.add(listener);
    return { [Symbol.dispose]: () => void this.#watchers.delete(listener) };
  }

  leaseGrant(ttl: number): bigint {
    const id = this.#nextLease++;
    this.#leases.set(id, { ttl, keys: new Set(), timer: this.#expiry(id, ttl) });
    return id;
  }

  leaseKeepAlive(id: bigint): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined) return false;
    lease.timer[Symbol.dispose]();
    lease.timer = this.#expiry(id, lease.ttl);
    return true;
  }

  leaseRevoke(id: bigint): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    lease.timer[Symbol.dispose]();
    this.#leases.delete(id);
    this.#apply([...lease.keys].sort().map((key) => ({ kind: "delete", key })));
  }

  /** Forgets all history: watches that begin in the past must list again. */
  compact(): void {
    this.#compacted = this.#revision;
    this.#history = [];
  }

  /** Ends all leases, as time would. */
  expireLeases(): void {
    for (const id of [...this.#leases.keys()]) this.leaseRevoke(id);
  }

  /** Loses everything, leases too, and counts revisions anew, as a store whose data was removed. */
  wipe(): void {
    for (const lease of this.#leases.values()) lease.timer[Symbol.dispose]();
    this.#leases.clear();
    this.#entries.clear();
    this.#history = [];
    this.#revision = 1n;
    this.#compacted = 0n;
  }

  #holds(compare: KvCompare): boolean {
    const entry = this.#entries.get(compare.key);
    switch (compare.kind) {
      case "absentPrefix":
        return this.list(compare.key).items.length === 0;
      case "unmodifiedPrefix":
        return this.list(compare.key).items.every(({ modRevision }) => modRevision <= compare.since);
      case "absent":
        return entry === undefined;
      case "present":
        return entry !== undefined;
      case "modRevision":
        return entry?.modRevision === compare.revision;
      case "value":
        return entry?.value === compare.value;
    }
  }

  #apply(writes: readonly BackendWrite[]): { revision: bigint; deleted: number } {
    const revision = this.#revision + 1n;
    const before = this.#history.length;
    let deleted = 0;
    for (const write of writes) {
      if (write.kind === "put") this.#put(write, revision);
      else if (this.#delete(write.key, revision)) deleted++;
    }
    if (this.#history.length > before) {
      this.#revision = revision;
      this.#forgetOldHistory();
      for (const watcher of [...this.#watchers]) watcher();
    }
    return { revision: this.#revision, deleted };
  }

  #put(write: BackendWrite & { kind: "put" }, revision: bigint): void {
    const { key, value, lease } = write;
    const before = this.#entries.get(key);
    if (before !== undefined) this.#leases.get(before.lease)?.keys.delete(key);
    this.#leases.get(lease)?.keys.add(key);
    const entry = { key, value, createRevision: before?.createRevision ?? revision, modRevision: revision, lease };
    this.#entries.set(key, entry);
    this.#history.push({ revision, event: { kind: "put", entry } });
  }

  #delete(key: string, revision: bigint): boolean {
    const before = this.#entries.get(key);
    if (before === undefined) return false;
    this.#leases.get(before.lease)?.keys.delete(key);
    this.#entries.delete(key);
    this.#history.push({ revision, event: { kind: "delete", key, revision } });
    return true;
  }

  #forgetOldHistory(): void {
    if (this.#history.length <= 2 * historyLength) return;
    this.#history = this.#history.slice(-historyLength);
    this.#compacted = this.#history[0]?.revision ?? this.#revision;
  }

  #expiry(id: bigint, ttl: number): Disposable {
    return this.#clock.after(ttl * 1000, () => this.leaseRevoke(id));
  }
}

function keyOf(event: KvEvent): string {
  return event.kind === "put" ? event.entry.key : event.key;
}
