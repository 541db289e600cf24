// SPDX-License-Identifier: Apache-2.0
// Follows new identities into the policies of this node's endpoints, says so to the kernel and to the other nodes, and
// lets new pods wait until all nodes have said so.
import { createLogger, type Health, type Module, type ReadonlyTable, toError } from "../../src/core/index.ts";
import type { DatapathMaps } from "../../src/datapath/index.ts";
import type { EndpointRow } from "../../src/endpoint/index.ts";
import type { IdentityArrivals, KvstoreIdentityAllocator } from "../../src/identity/index.ts";
import { isSettled } from "./address-identities.ts";

const log = createLogger("identity-arrivals");
/** Identities that pods of any node may have; others are numbered by each node itself. */
const sharedIdentities = { first: 256, end: 1 << 24 } as const;

export interface IdentityArrivalModuleDeps {
  readonly allocator: Pick<KvstoreIdentityAllocator, "table" | "seen" | "revisionOf" | "onProgress">;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly arrivals: Pick<IdentityArrivals, "applied" | "expect" | "arrived" | "stop">;
  /** The kernel's list; there when this is started. */
  readonly known: () => DatapathMaps["identities"];
  /** How long a new pod waits for other nodes, ms; an agent that starts again should be back by then. */
  readonly patience: number;
}

export interface IdentityArrivalModule extends Module {
  /** To be called when endpoints begin to follow the policies in force. */
  open(): void;
  /** Resolves when no node denies a packet for not knowing this identity, or time is up. */
  arrived(identity: number): Promise<void>;
}

/** Identities that came together, and the endpoints whose policies do not know them yet. */
interface Batch {
  readonly revision: bigint;
  readonly changed: ReadonlySet<number>;
  readonly waiting: Set<number>;
}

/** Start it behind the policy link, which tells the endpoints to regenerate. */
export function createIdentityArrivals(deps: IdentityArrivalModuleDeps): IdentityArrivalModule {
  return new Follower(deps);
}

class Follower implements IdentityArrivalModule {
  readonly name = "identity-arrivals";
  readonly #deps: IdentityArrivalModuleDeps;
  readonly #watches: Disposable[] = [];
  readonly #batches: Batch[] = [];
  /** Identities that came or went since the last batch. */
  #changed = new Set<number>();
  #open = false;
  /** Whether the kernel's list has been brought in line as a whole. */
  #aligned = false;
  #failure: string | undefined;

  constructor(deps: IdentityArrivalModuleDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { allocator, endpoints } = this.#deps;
    this.#watches.push(
      allocator.table.onChange((batch) => {
        for (const { row } of batch) this.#changed.add(row.id);
      }),
      allocator.onProgress(() => this.#soon()),
      endpoints.onChange((batch) => {
        for (const { row } of batch) this.#expect(row);
        this.#advance();
      }),
    );
  }

  async stop(): Promise<void> {
    for (const watch of this.#watches.splice(0)) watch[Symbol.dispose]();
    await this.#deps.arrivals.stop();
  }

  health(): Health {
    if (this.#failure !== undefined) return { state: "degraded", message: this.#failure };
    return { state: "ok", message: `Identities known up to revision ${this.#deps.allocator.seen}` };
  }

  open(): void {
    this.#open = true;
    this.#soon();
  }

  async arrived(identity: number): Promise<void> {
    const revision = this.#deps.allocator.revisionOf(identity);
    if (revision === undefined) return;
    const lagging = await this.#deps.arrivals.arrived(revision, this.#deps.patience);
    if (lagging.length === 0) return;
    log.warn("A pod starts though policies of other nodes may not know its identity yet", { identity, lagging });
  }

  /** Behind the table's own delivery, by which policy learns what there is now. */
  #soon(): void {
    const { seen } = this.#deps.allocator;
    setImmediate(() => this.#take(seen));
  }

  #take(revision: bigint): void {
    if (!this.#open) return;
    const unsettled = [...this.#deps.endpoints.all()].filter((row) => !isSettled(row));
    this.#batches.push({ revision, changed: this.#changed, waiting: new Set(unsettled.map(({ id }) => id)) });
    this.#changed = new Set();
    this.#advance();
  }

  #advance(): void {
    for (const { waiting } of this.#batches) {
      for (const id of waiting) {
        const row = this.#deps.endpoints.get(id);
        if (row === undefined || isSettled(row)) waiting.delete(id);
      }
    }
    while (this.#batches[0]?.waiting.size === 0) {
      const batch = this.#batches.shift();
      if (batch === undefined) return;
      this.#tellKernel(batch.changed);
      this.#deps.arrivals.applied(batch.revision);
    }
  }

  /** The pod that comes will wait for its identity: what others say is read from now on. */
  #expect({ identity, status }: EndpointRow): void {
    const revision = identity === undefined ? undefined : this.#deps.allocator.revisionOf(identity);
    if (revision !== undefined && status.kind === "pending") this.#deps.arrivals.expect(revision);
  }

  /** A list that cannot be written says nothing: then nobody counts as unknown. */
  #tellKernel(changed: ReadonlySet<number>): void {
    const known = this.#deps.known();
    try {
      if (this.#aligned) this.#write([...changed].filter(isShared));
      else this.#align();
      this.#failure = undefined;
    } catch (thrown) {
      this.#aligned = false;
      const message = `Cannot list identities in the kernel: ${toError(thrown).message}`;
      if (this.#failure === undefined) log.error("Cannot list identities in the kernel", { error: message });
      this.#failure = message;
      known.setComplete(false);
    }
  }

  #align(): void {
    const known = this.#deps.known();
    const wanted = new Set([...this.#deps.allocator.table.all()].map(({ id }) => id).filter(isShared));
    known.deleteMany(known.list().filter((id) => !wanted.has(id)));
    known.upsertMany([...wanted]);
    known.setComplete(true);
    this.#aligned = true;
  }

  #write(changed: readonly number[]): void {
    const { table } = this.#deps.allocator;
    const known = this.#deps.known();
    known.upsertMany(changed.filter((id) => table.has(id)));
    known.deleteMany(changed.filter((id) => !table.has(id)));
  }
}

function isShared(id: number): boolean {
  return id >= sharedIdentities.first && id < sharedIdentities.end;
}
