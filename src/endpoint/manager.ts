// SPDX-License-Identifier: Apache-2.0
// Endpoints come, change, are restored, and go. Requests change rows; the reconciler changes the kernel.
import {
  createLogger,
  createReconciler,
  doneStatus,
  type Health,
  type Labels,
  type Module,
  pendingStatus,
  type Reconciler,
  type Table,
  toError,
} from "../core/index.ts";
import type { EndpointConfig, EndpointDeps } from "./deps.ts";
import { EndpointError } from "./errors.ts";
import { IdPool } from "./id-pool.ts";
import { IdentityRequests } from "./identity-requests.ts";
import { withLogEntry } from "./log.ts";
import { PolicySets } from "./policy-sets.ts";
import { EndpointRealizer } from "./realize.ts";
import { nextPhase } from "./state.ts";
import { EndpointStore } from "./store.ts";
import { fromStored, toStored } from "./stored.ts";
import { attachmentId, type EndpointRow, endpointAddresses, type RealizedPolicy } from "./types.ts";
import { waitForEndpoint } from "./wait.ts";

const log = createLogger("endpoint");
const resyncMs = 60_000;

/** A request for a new endpoint; its device and addresses are there already. */
export type CreateEndpoint = Pick<
  EndpointRow,
  | "containerId"
  | "containerInterfaceName"
  | "netnsPath"
  | "interfaceName"
  | "ifindex"
  | "mac"
  | "nodeMac"
  | "ipv4"
  | "ipv6"
  | "podNamespace"
  | "podName"
  | "podUid"
  | "labels"
>;

export interface EndpointManager extends Module {
  /**
   * Makes an endpoint of `id` (0: the next free one). Its row is there when this returns, the kernel follows.
   * Throws EndpointError `conflict` or `invalid`; nothing is left then.
   */
  create(request: CreateEndpoint, id?: number): EndpointRow;
  /** Waits until the kernel holds the endpoint's row. EndpointError `timeout` says what it waits for. */
  ready(id: number, timeoutMs: number): Promise<EndpointRow>;
  /** Resolves when the kernel knows nothing of it any more; false when there was none. */
  delete(id: number): Promise<boolean>;
  /** New security-relevant labels; the old identity stays in force until the new one is there. */
  setLabels(id: number, labels: Labels): void;
  /** Resolves the policy anew for endpoints of these identities, or all. */
  regenerate(identities: Iterable<number> | "all"): void;
  /** Policies and identities are as complete as they get: from now on the kernel is written. */
  open(): void;
  /** Sets and entries in the kernel. */
  policySize(): { sets: number; entries: number };
}

export function createEndpointManager(
  deps: EndpointDeps & { readonly endpoints: Table<EndpointRow, number> },
  config: EndpointConfig,
): EndpointManager {
  return new Manager(deps, config);
}

class Manager implements EndpointManager {
  readonly name = "endpoints";
  readonly #deps: EndpointDeps;
  readonly #config: EndpointConfig;
  readonly #table: Table<EndpointRow, number>;
  readonly #ids = new IdPool();
  readonly #sets: PolicySets;
  readonly #realizer: EndpointRealizer;
  readonly #reconciler: Reconciler;
  readonly #identities: IdentityRequests;
  readonly #store: EndpointStore;
  readonly #realized = new Map<number, RealizedPolicy>();
  readonly #open = Promise.withResolvers<void>();
  #unreadable = 0;

  constructor(deps: EndpointDeps & { readonly endpoints: Table<EndpointRow, number> }, config: EndpointConfig) {
    this.#deps = deps;
    this.#config = config;
    this.#table = deps.endpoints;
    this.#store = new EndpointStore(config.directory);
    this.#sets = new PolicySets(() => deps.datapath.maps.policy);
    this.#realizer = new EndpointRealizer(deps, config, this.#sets, (id) => this.#table.get(id)?.phase === "active");
    this.#identities = new IdentityRequests(deps.allocator, deps.clock, (id, identity) =>
      this.#identityAllocated(id, identity),
    );
    this.#reconciler = createReconciler<EndpointRow, number>({
      name: "endpoints",
      table: this.#table,
      getStatus: (row) => row.status,
      withStatus: (row, status) => {
        const policy = this.#realized.get(row.id);
        const next = { ...row, status, ...(policy === undefined ? {} : { policy }) };
        if (status.kind === row.status.kind && status.kind !== "error") return next;
        const message = status.kind === "error" ? status.error : "Successfully regenerated endpoint program";
        return withLogEntry(next, deps.clock.now(), status.kind === "error" ? "Failed" : "OK", message);
      },
      ops: {
        update: (rows) => this.#update(rows),
        // delete() below takes an endpoint out of the kernel before its row goes; prune() finds what that left.
        delete: async () => {},
        prune: (rows) => this.#realizer.prune(rows),
      },
      retry: { minMs: 50, maxMs: 10_000 },
      resyncMs,
      clock: deps.clock,
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#sets.load();
    this.#restore();
    this.#open.promise.then(() => {
      if (!signal.aborted) void this.#reconciler.start(signal);
    });
  }

  async stop(): Promise<void> {
    this.#identities.stop();
    await this.#reconciler.stop();
  }

  health(): Health {
    const failing = [...this.#table.all()].filter((row) => row.status.kind === "error");
    const first = failing[0]?.status;
    if (first?.kind === "error") {
      return {
        state: "degraded",
        message: `${failing.length} of ${this.#table.size} endpoints not ready: ${first.error}`,
      };
    }
    if (this.#unreadable > 0) {
      return {
        state: "degraded",
        message: `${this.#unreadable} endpoint folder(s) in ${this.#config.directory} cannot be read`,
      };
    }
    return { state: "ok", message: `${this.#table.size} endpoints` };
  }

  open(): void {
    this.#open.resolve();
  }

  create(request: CreateEndpoint, wanted = 0): EndpointRow {
    this.#refuseConflicts(request);
    if (wanted !== 0 && !this.#ids.take(wanted)) {
      throw new EndpointError("conflict", `Cannot create endpoint ${wanted}: the id is in use`);
    }
    const id = wanted === 0 ? this.#ids.allocate() : wanted;
    const base: EndpointRow = {
      ...request,
      id,
      phase: "waiting-for-identity",
      status: doneStatus(this.#deps.clock.now()),
      generation: 0,
      log: [],
    };
    const row = withLogEntry(base, this.#deps.clock.now(), "OK", "Endpoint creation");
    try {
      this.#store.save(toStored(row));
    } catch (error) {
      this.#ids.release(id);
      throw error;
    }
    this.#table.upsert(row);
    this.#identities.request(id, row.labels);
    return row;
  }

  ready(id: number, timeoutMs: number): Promise<EndpointRow> {
    return waitForEndpoint(this.#table, id, timeoutMs, this.#deps.clock, () => this.#identities.waitingFor(id));
  }

  async delete(id: number): Promise<boolean> {
    const row = this.#table.get(id);
    if (row === undefined) return false;
    this.#identities.cancel(id);
    this.#deps.announcer.withdraw(row);
    this.#table.upsert({ ...row, phase: "disconnecting", status: doneStatus(this.#deps.clock.now()) });
    await this.#realizer.remove([row]);
    this.#table.delete(id);
    this.#realized.delete(id);
    if (row.identity !== undefined) this.#identities.release(row.identity);
    for (const address of endpointAddresses(row)) this.#deps.addresses.release(address);
    this.#store.remove(id);
    this.#ids.release(id);
    return true;
  }

  setLabels(id: number, labels: Labels): void {
    const row = this.#table.get(id);
    if (row === undefined || row.labels.equals(labels)) return;
    const phase = nextPhase(row.phase, "labels-changed");
    if (phase === undefined) return;
    const next = withLogEntry({ ...row, phase, labels }, this.#deps.clock.now(), "OK", "Labels changed");
    this.#store.save(toStored(next));
    this.#table.upsert(next);
    this.#identities.request(id, labels);
  }

  regenerate(identities: Iterable<number> | "all"): void {
    const rows =
      identities === "all"
        ? [...this.#table.all()]
        : [...identities].flatMap((identity) => this.#table.by("identity", identity));
    const now = this.#deps.clock.now();
    this.#table.upsertMany(
      rows
        .filter((row) => row.phase === "active")
        .map((row) => ({ ...row, generation: row.generation + 1, status: pendingStatus(now) })),
    );
  }

  policySize(): { sets: number; entries: number } {
    return this.#sets.size();
  }

  async #update(rows: readonly EndpointRow[]): Promise<Map<number, Error>> {
    const active = rows.filter((row) => row.phase === "active" && row.identity !== undefined);
    const { done, failed } = await this.#realizer.update(active);
    for (const { row, policy } of done) this.#realized.set(row.id, policy);
    return failed;
  }

  #identityAllocated(id: number, identity: number): void {
    const row = this.#table.get(id);
    const phase = row === undefined ? undefined : nextPhase(row.phase, "identity-allocated");
    if (row === undefined || phase === undefined) {
      this.#identities.release(identity);
      return;
    }
    // A restored endpoint's identity came from its folder; this process holds no reference on it yet.
    if (row.identity !== undefined && row.phase !== "restoring") this.#identities.release(row.identity);
    const next: EndpointRow = {
      ...row,
      phase,
      identity,
      generation: row.generation + 1,
      status: pendingStatus(this.#deps.clock.now()),
    };
    this.#store.save(toStored(next));
    this.#table.upsert(next);
    this.#deps.announcer.announce(next);
  }

  #refuseConflicts(request: CreateEndpoint): void {
    for (const address of endpointAddresses(request)) {
      const other = this.#table.by("address", address)[0];
      if (other !== undefined) {
        throw new EndpointError("conflict", `Cannot create endpoint: ${address} belongs to endpoint ${other.id}`);
      }
    }
    const same = this.#table.by("attachment", attachmentId(request))[0];
    if (same !== undefined) {
      throw new EndpointError(
        "conflict",
        `Cannot create endpoint: "${attachmentId(request)}" is endpoint ${same.id} already`,
      );
    }
    if (endpointAddresses(request).length === 0) {
      throw new EndpointError("invalid", "Cannot create endpoint: it has no address, expected ipv4, ipv6 or both");
    }
    if (!this.#deps.deviceExists(request.interfaceName, request.ifindex)) {
      const device = `"${request.interfaceName}" (index ${request.ifindex})`;
      throw new EndpointError("invalid", `Cannot create endpoint: there is no device ${device} on this node`);
    }
  }

  #restore(): void {
    for (const slot of this.#deps.datapath.maps.endpoints.list()) {
      this.#sets.reserveThrough(Math.max(slot.ingressSet, slot.egressSet));
    }
    const { endpoints, errors } = this.#store.load();
    this.#unreadable = errors.length;
    for (const error of errors)
      log.error("Cannot restore an endpoint, its folder stays", { path: error.path, error: error.message });
    for (const stored of endpoints) {
      try {
        const row = fromStored(stored, this.#deps.clock.now());
        if (!this.#deps.deviceExists(row.interfaceName, row.ifindex)) {
          log.info("Endpoint is gone since the last run", { endpoint: row.id, interface: row.interfaceName });
          this.#store.remove(row.id);
          continue;
        }
        for (const address of endpointAddresses(row)) {
          this.#deps.addresses.take(
            address,
            row.podName === "" ? row.containerId : `${row.podNamespace}/${row.podName}`,
          );
        }
        this.#ids.take(row.id);
        this.#table.upsert(row);
        if (row.identity !== undefined) this.#deps.announcer.announce(row);
        this.#identities.request(row.id, row.labels);
      } catch (thrown) {
        this.#unreadable++;
        log.error("Cannot restore an endpoint, its folder stays", {
          endpoint: stored.id,
          error: toError(thrown).message,
        });
      }
    }
  }
}
