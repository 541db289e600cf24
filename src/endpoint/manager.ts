// SPDX-License-Identifier: Apache-2.0
// Endpoints come, change, are restored, and go. Requests change rows; the reconciler changes the kernel.
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
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
import { refuseAttachment, refuseConflicts } from "./conflicts.ts";
import type { EndpointConfig, EndpointDeps } from "./deps.ts";
import { EndpointError } from "./errors.ts";
import { hostEndpointRow } from "./host.ts";
import { IdPool } from "./id-pool.ts";
import { IdentityRequests } from "./identity-requests.ts";
import { causeOfIdentity, regeneratedMessage, withLogEntry } from "./log.ts";
import { changedOptions, isTold, type OptionChanges } from "./options.ts";
import { PolicyOverflows } from "./policy-overflow.ts";
import { EndpointRealizer } from "./realize.ts";
import { nextPhase } from "./state.ts";
import { EndpointStore } from "./store.ts";
import { fromStored, toStored } from "./stored.ts";
import { type CreateEndpoint, type EndpointRow, hostEndpointId, lentAddresses, type RealizedPolicy } from "./types.ts";
import { SettledSignal, waitForEndpoint } from "./wait.ts";

const log = createLogger("endpoint");
const resyncMs = 60_000;
/** Endpoints whose programs are loaded ahead: as many as come together on a node that starts a workload. */
const expectedAtOnce = 8;

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
  /** The container that it turned out to be. EndpointError `conflict` when another endpoint is that one's. */
  setContainer(id: number, containerId: string): void;
  /** New security-relevant labels; the old identity stays in force until the new one is there. */
  setLabels(id: number, labels: Labels): void;
  /** The host has an endpoint of its own with these labels, or others than before; `device` is cilium_host. */
  ensureHost(labels: Labels, device: { readonly name: string; readonly ifindex: number }): void;
  /** Options that the endpoint decides itself from now on; undefined: as the agent does. Nothing when there is none. */
  setOptions(id: number, changes: OptionChanges): void;
  /** Resolves the policy anew for endpoints of these identities, or all. */
  regenerate(identities: Iterable<number> | "all"): void;
  /** Policies and identities are as complete as they get: from now on the kernel is written. */
  open(): void;
  /** Sets and entries in the kernel. */
  policySize(): { sets: number; entries: number };
  /** Policies that add most where a map is too small for an endpoint's policy, and their entries there. */
  policyOverflows(): ReadonlyMap<string, number>;
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
  readonly #realizer: EndpointRealizer;
  readonly #reconciler: Reconciler;
  readonly #identities: IdentityRequests;
  readonly #store: EndpointStore;
  readonly #realized = new Map<number, RealizedPolicy>();
  readonly #overflows = new PolicyOverflows();
  readonly #settled = new SettledSignal();
  readonly #open = Promise.withResolvers<void>();
  /** Deletions under way. */
  readonly #deleting = new Map<number, Promise<boolean>>();
  /** Ids whose folders cannot be used. What the kernel holds of them stays: their pods may well be there. */
  readonly #unreadable = new Set<number>();

  constructor(deps: EndpointDeps & { readonly endpoints: Table<EndpointRow, number> }, config: EndpointConfig) {
    this.#deps = deps;
    this.#config = config;
    this.#table = deps.endpoints;
    this.#store = new EndpointStore(config.directory);
    this.#realizer = new EndpointRealizer(deps, config, (row) => this.#table.get(row.id) === row);
    this.#identities = new IdentityRequests(deps.allocator, deps.clock, (id, identity) =>
      this.#identityAllocated(id, identity),
    );
    this.#ids.take(hostEndpointId);
    this.#reconciler = createReconciler<EndpointRow, number>({
      name: "endpoints",
      table: this.#table,
      getStatus: (row) => row.status,
      withStatus: (row, status) => {
        this.#settled.tell(row.id);
        const policy = this.#realized.get(row.id);
        const next = { ...row, status, ...(policy === undefined ? {} : { policy }) };
        if (status.kind === row.status.kind && status.kind !== "error") return next;
        const message = status.kind === "error" ? status.error : regeneratedMessage(row);
        return withLogEntry(next, deps.clock.now(), status.kind === "error" ? "Failed" : "OK", message);
      },
      ops: {
        update: (rows) => this.#update(rows),
        // delete() below takes an endpoint out of the kernel before its row goes; prune() finds what that left.
        delete: async () => {},
        prune: (rows) => this.#realizer.prune(rows, this.#unreadable),
      },
      retry: { minMs: 50, maxMs: 10_000 },
      resyncMs,
      clock: deps.clock,
      ...(deps.metrics !== undefined && { metrics: deps.metrics }),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#restore();
    this.#open.promise.then(() => {
      if (!signal.aborted) void this.#reconciler.start(signal);
    });
  }

  async stop(): Promise<void> {
    this.#identities.stop();
    await this.#reconciler.stop();
    this.#realizer.stop();
  }

  health(): Health {
    const failing = [...this.#table.all()].filter((row) => row.status.kind === "error");
    const degraded = (message: string): Health => ({ state: "degraded", message });
    const first = failing[0]?.status;
    if (first?.kind === "error") {
      return degraded(`${failing.length} of ${this.#table.size} endpoints not ready: ${first.error}`);
    }
    if (this.#unreadable.size > 0) {
      return degraded(`${this.#unreadable.size} endpoint folder(s) in ${this.#config.directory} cannot be used`);
    }
    return { state: "ok", message: `${this.#table.size} endpoints` };
  }

  open(): void {
    this.#open.resolve();
    this.#expectMore();
  }

  create(request: CreateEndpoint, wanted = 0): EndpointRow {
    refuseConflicts(this.#table, request);
    if (!this.#deps.deviceExists(request)) {
      const device = `"${request.interfaceName}" (index ${request.ifindex})`;
      throw new EndpointError("invalid", `Cannot create endpoint: there is no device ${device} on this node`);
    }
    if (!Number.isInteger(wanted) || wanted < 0 || wanted > 65535) {
      throw new EndpointError("invalid", `Cannot create endpoint ${wanted}: the id is not 1 to 65535, or 0 for any`);
    }
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
    if (row.options !== undefined) this.#tellMonitors();
    this.#identities.request(id, row.labels);
    this.#expectMore();
    return row;
  }

  ready(id: number, timeoutMs: number): Promise<EndpointRow> {
    return waitForEndpoint({
      ...{ id, timeoutMs, table: this.#table, clock: this.#deps.clock, settled: this.#settled },
      waitingFor: () => this.#identities.waitingFor(id),
    });
  }

  async delete(id: number): Promise<boolean> {
    const row = this.#table.get(id);
    if (row === undefined) return false;
    if (row.host === true) throw new EndpointError("invalid", `Cannot delete endpoint ${id}: it is the host`);
    const deletion = this.#deleting.get(id) ?? this.#delete(row).finally(() => this.#deleting.delete(id));
    this.#deleting.set(id, deletion);
    return await deletion;
  }

  setContainer(id: number, containerId: string): void {
    const row = this.#table.get(id);
    if (row === undefined || row.host === true || row.containerId === containerId) return;
    const next = { ...row, containerId };
    refuseAttachment(this.#table, next);
    this.#persist({ ...next, labels: row.identityLabels ?? row.labels });
    this.#table.upsert(next);
  }

  setLabels(id: number, labels: Labels): void {
    const row = this.#table.get(id);
    if (row === undefined || row.host === true || row.labels.equals(labels)) return;
    const phase = nextPhase(row.phase, "labels-changed");
    if (phase === undefined) return;
    const next = withLogEntry({ ...row, phase, labels }, this.#deps.clock.now(), "OK", "Labels changed");
    // On disk an identity stands beside the labels that it was given for, never beside others.
    if (row.identity === undefined) this.#persist(next);
    this.#table.upsert(next);
    this.#identities.request(id, labels);
  }

  ensureHost(labels: Labels, device: { readonly name: string; readonly ifindex: number }): void {
    const host = { ...device, ...this.#store.loadHost() };
    const row = hostEndpointRow(this.#table.get(hostEndpointId), labels, host, this.#deps.clock.now());
    if (row === undefined) return;
    this.#table.upsert(row);
    if (row.options !== undefined) this.#tellMonitors();
  }

  setOptions(id: number, changes: OptionChanges): void {
    const row = this.#table.get(id);
    if (row === undefined) return;
    const { options: before, ...rest } = row;
    const options = changedOptions(before ?? {}, changes);
    if (isDeepStrictEqual(options, before)) return;
    const next: EndpointRow = options === undefined ? rest : { ...rest, options };
    if (row.host === true) this.#store.saveHost(options === undefined ? {} : { options });
    else this.#persist(next);
    this.#table.upsert(row.phase === "active" ? this.#anew(next, "options changed") : next);
    this.#tellMonitors();
  }

  /** Programs look for endpoints' own wishes where somebody has some. */
  #tellMonitors(): void {
    const own = [...this.#table.all()].flatMap(({ options }) => options ?? []);
    this.#deps.datapath.maps.runtimeConfig.setOwnMonitors(own);
  }

  regenerate(identities: Iterable<number> | "all"): void {
    const rows =
      identities === "all"
        ? [...this.#table.all()]
        : [...identities].flatMap((identity) => this.#table.by("identity", identity));
    const cause = identities === "all" ? "options changed" : "policies or identities changed";
    this.#table.upsertMany(rows.filter((row) => row.phase === "active").map((row) => this.#anew(row, cause)));
  }

  #anew(row: EndpointRow, cause: NonNullable<EndpointRow["cause"]>): EndpointRow {
    return { ...row, cause, generation: row.generation + 1, status: pendingStatus(this.#deps.clock.now()) };
  }

  policySize(): { sets: number; entries: number } {
    return this.#realizer.size();
  }

  policyOverflows(): ReadonlyMap<string, number> {
    return this.#overflows.largest();
  }

  #expectMore(): void {
    this.#deps.datapath.expectEndpoints(this.#ids.upcoming(expectedAtOnce));
  }

  async #delete(row: EndpointRow): Promise<boolean> {
    const { id } = row;
    this.#identities.cancel(id);
    this.#deps.announcer.withdraw(row);
    this.#table.upsert({ ...row, phase: "disconnecting", status: doneStatus(this.#deps.clock.now()) });
    await this.#realizer.remove([row]);
    this.#store.remove(id);
    this.#table.delete(id);
    if (row.options !== undefined) this.#tellMonitors();
    this.#realized.delete(id);
    this.#overflows.delete(id);
    if (row.identity !== undefined && row.identityLabels !== undefined) this.#identities.release(row.identity);
    for (const address of lentAddresses(row)) this.#deps.addresses.release(address);
    this.#ids.release(id);
    return true;
  }

  async #update(rows: readonly EndpointRow[]): Promise<Map<number, Error>> {
    const { done, failed } = await this.#realizer.update(rows.filter((row) => row.phase === "active"));
    for (const { row, policy } of done) {
      if (this.#table.has(row.id)) this.#realized.set(row.id, policy);
      if (isTold(row, this.#config)) log.info("Endpoint regenerated", { endpoint: row.id, ...policy });
    }
    this.#overflows.note(rows, failed);
    return failed;
  }

  #identityAllocated(id: number, identity: number): void {
    const row = this.#table.get(id);
    const phase = row === undefined ? undefined : nextPhase(row.phase, "identity-allocated");
    if (row === undefined || phase === undefined) {
      this.#identities.release(identity);
      return;
    }
    // On the identity that a folder gave, this process holds no reference.
    if (row.identity !== undefined && row.identityLabels !== undefined) this.#identities.release(row.identity);
    const next: EndpointRow = {
      ...row,
      phase,
      identity,
      // The answer to the newest request: new labels replace it.
      identityLabels: row.labels,
      generation: row.generation + 1,
      cause: causeOfIdentity(row),
      status: pendingStatus(this.#deps.clock.now()),
    };
    this.#persist(next);
    this.#table.upsert(next);
    this.#deps.announcer.announce(next);
  }

  /** A state folder that takes no writes must not keep an endpoint from its policy; a restart then asks again. */
  #persist(row: EndpointRow): void {
    try {
      this.#store.save(toStored(row));
    } catch (thrown) {
      log.error("Cannot store an endpoint", { endpoint: row.id, error: toError(thrown).message });
    }
  }

  #restore(): void {
    const slots = this.#deps.datapath.maps.endpoints.list();
    this.#realizer.adopt(slots);
    const { endpoints, errors } = this.#store.load();
    const inKernel = new Set([...slots.map(({ id }) => id), ...this.#deps.datapath.attachedEndpoints()]);
    for (const { id, path, message, empty } of errors) {
      if (empty && !inKernel.has(id)) this.#forgetEmpty(id, path);
      else this.#keepAsIs(id, path, message);
    }
    for (const stored of endpoints) {
      try {
        this.#restoreEndpoint(fromStored(stored, this.#deps.clock.now()));
      } catch (thrown) {
        this.#keepAsIs(stored.id, join(this.#config.directory, String(stored.id)), toError(thrown).message);
      }
    }
    this.#tellMonitors();
  }

  #restoreEndpoint(row: EndpointRow): void {
    if (!this.#deps.deviceExists(row)) {
      log.info("Endpoint is gone since the last run", { endpoint: row.id, interface: row.interfaceName });
      this.#store.remove(row.id);
      return;
    }
    refuseConflicts(this.#table, row);
    const owner = row.podName === "" ? row.containerId : `${row.podNamespace}/${row.podName}`;
    for (const address of lentAddresses(row)) this.#deps.addresses.take(address, owner);
    this.#ids.take(row.id);
    this.#table.upsert(row);
    if (row.identity !== undefined) this.#deps.announcer.announce(row);
    this.#identities.request(row.id, row.labels);
  }

  #forgetEmpty(id: number, path: string): void {
    log.warn("An endpoint's file is empty and the kernel knows nothing of it: removed", { endpoint: id, path });
    this.#store.remove(id);
  }

  /** Nobody else gets the id and the addresses of an endpoint that may be there, but cannot be restored. */
  #keepAsIs(id: number, path: string, error: string): void {
    log.error("Cannot restore an endpoint, its folder and what the kernel holds of it stay", {
      endpoint: id,
      path,
      error,
    });
    this.#unreadable.add(id);
    this.#ids.take(id);
    for (const { address, endpointId } of this.#deps.datapath.maps.lxc.list()) {
      if (endpointId !== id) continue;
      try {
        this.#deps.addresses.take(address, `endpoint ${id}`);
      } catch (thrown) {
        log.warn("Cannot reserve an endpoint's address", { endpoint: id, address, error: toError(thrown).message });
      }
    }
  }
}
