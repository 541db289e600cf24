// SPDX-License-Identifier: Apache-2.0
// Nodes tell each other up to which revision of the store their policies know the identities, so that a new pod's first
// packet waits for them and not the other way round.
import { type Clock, createLogger, type Logger, systemClock } from "../core/index.ts";
import { type Announcements, createAnnouncements, type KvEvent, type Kvstore } from "../kvstore/index.ts";

/** Under each node's lease: cluster and name of the node → revision. */
export const appliedPrefix = "cilium/state/applied-identities/v1/";
/** How long the keys are followed after the last one who waited, ms. */
const lingerMs = 1000;
/** Longest pause between two writes of a node, ms. */
const longestPaceMs = 1000;

/** What arrivals use. */
export interface IdentityArrivalDeps {
  readonly kvstore: Kvstore;
  /** How many nodes there are: together they write a thousand times a second at most. */
  readonly nodeCount: () => number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

interface Waiter {
  readonly revision: bigint;
  readonly end: (lagging: readonly string[]) => void;
}

/** This node's word about its own policies, and what the others say of theirs. Those that say nothing are not asked. */
export class IdentityArrivals {
  readonly #deps: IdentityArrivalDeps;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #self: string;
  readonly #announcements: Announcements;
  readonly #nodes = new Map<string, bigint>();
  /** Nodes that somebody waited for in vain, until they move. */
  readonly #stuck = new Set<string>();
  readonly #waiters = new Set<Waiter>();
  /** What this node's policies know, and what all nodes' do. */
  #own = 0n;
  #everywhere = 0n;
  #writing: Disposable | undefined;
  #following: AbortController | undefined;
  #listed = false;
  #lingering: Disposable | undefined;

  /** `self`: "cluster/node". */
  constructor(deps: IdentityArrivalDeps, self: string) {
    this.#deps = deps;
    this.#clock = deps.clock ?? systemClock;
    this.#log = deps.logger ?? createLogger("identity");
    this.#self = self;
    this.#announcements = createAnnouncements(deps.kvstore, { logger: this.#log, clock: this.#clock });
  }

  /** This node's policies know every identity that was written up to this revision. */
  applied(revision: bigint): void {
    // A wiped store counts anew.
    if (revision < this.#own) this.#everywhere = 0n;
    this.#own = revision;
    this.#writing ??= this.#clock.after(Math.min(this.#deps.nodeCount(), longestPaceMs), () => {
      this.#writing = undefined;
      this.#announcements.set(`${appliedPrefix}${this.#self}`, `${this.#own}`);
    });
    this.#check();
  }

  /** Somebody is about to wait for this revision: begins to listen. */
  expect(revision: bigint): void {
    if (revision > this.#everywhere) this.#follow();
  }

  /**
   * Resolves when the policies of all nodes know what was written up to this revision; with the names of those that do
   * not when time is up. Those are not waited for again before they move. Without the store nobody is waited for.
   */
  arrived(revision: bigint, timeoutMs: number): Promise<readonly string[]> {
    if (revision <= this.#everywhere) return Promise.resolve([]);
    if (!this.#deps.kvstore.status().connected) return Promise.resolve(["the key-value store"]);
    this.#follow();
    return new Promise((resolve) => {
      const timer = this.#clock.after(timeoutMs, () => {
        const lagging = this.#lagging(revision);
        for (const name of lagging) if (name !== this.#self) this.#stuck.add(name);
        waiter.end(lagging);
      });
      const waiter: Waiter = {
        revision,
        end: (lagging) => {
          timer[Symbol.dispose]();
          this.#waiters.delete(waiter);
          if (this.#waiters.size === 0) this.#linger();
          resolve(lagging);
        },
      };
      this.#waiters.add(waiter);
      this.#check();
    });
  }

  async stop(): Promise<void> {
    this.#writing?.[Symbol.dispose]();
    this.#lingering?.[Symbol.dispose]();
    this.#following?.abort();
    for (const waiter of [...this.#waiters]) waiter.end([]);
    await this.#announcements.stop();
  }

  #check(): void {
    for (const waiter of [...this.#waiters]) {
      const { revision, end } = waiter;
      if (!this.#listed || this.#lagging(revision).length > 0) continue;
      if (this.#stuck.size === 0 && revision > this.#everywhere) this.#everywhere = revision;
      end([]);
    }
  }

  /** Who does not know the revision, of those that may be waited for. */
  #lagging(revision: bigint): string[] {
    const others = [...this.#nodes].filter(([name, applied]) => applied < revision && !this.#stuck.has(name));
    const names = others.map(([name]) => name);
    return this.#own < revision ? [this.#self, ...names] : names;
  }

  #follow(): void {
    this.#lingering?.[Symbol.dispose]();
    this.#lingering = undefined;
    if (this.#following === undefined) {
      this.#following = new AbortController();
      void this.#read(this.#following.signal);
    }
    if (this.#waiters.size === 0) this.#linger();
  }

  #linger(): void {
    this.#lingering?.[Symbol.dispose]();
    this.#lingering = this.#clock.after(lingerMs, () => {
      if (this.#waiters.size > 0) return;
      this.#following?.abort();
      this.#following = undefined;
      this.#listed = false;
    });
  }

  async #read(signal: AbortSignal): Promise<void> {
    for await (const { events, initial, resync } of this.#deps.kvstore.listAndWatch(appliedPrefix, { signal })) {
      if (signal.aborted) return;
      if (initial) this.#keepOnly(events);
      if (resync) this.#everywhere = 0n;
      for (const event of events) this.#take(event);
      this.#listed = true;
      this.#check();
    }
  }

  /** Nodes that went while nobody listened. */
  #keepOnly(events: readonly KvEvent[]): void {
    const present = new Set(events.map(nodeOf));
    for (const name of [...this.#nodes.keys()]) {
      if (present.has(name)) continue;
      this.#nodes.delete(name);
      this.#stuck.delete(name);
    }
  }

  #take(event: KvEvent): void {
    const name = nodeOf(event);
    if (name === this.#self) return;
    const revision = event.kind === "put" ? revisionOf(event.entry.value) : undefined;
    if (this.#nodes.get(name) !== revision) this.#stuck.delete(name);
    if (revision === undefined) this.#nodes.delete(name);
    else this.#nodes.set(name, revision);
  }
}

function nodeOf(event: KvEvent): string {
  return (event.kind === "put" ? event.entry.key : event.key).slice(appliedPrefix.length);
}

/** What a node wrote; undefined when it is no revision: then nobody can wait for it. */
function revisionOf(value: string): bigint | undefined {
  return /^[0-9]{1,19}$/.test(value) ? BigInt(value) : undefined;
}
