// SPDX-License-Identifier: Apache-2.0
// Policies from objects and from the API, identities from the allocator: all into the engine and the policies table.
import { createLogger, type Health, type Module, type ReadonlyTable, type Table, toError } from "../core/index.ts";
import type { IdentityRow } from "../identity/index.ts";
import type { ResourceRow } from "../kubernetes/index.ts";
import { AuditedNamespaces } from "./audited-namespaces.ts";
import type { GuardedEngine } from "./confirm/guard.ts";
import { checkEnforceable } from "./enforceable.ts";
import type { PolicySummary } from "./engine/engine.ts";
import { PolicyConflictError } from "./errors.ts";
import { policyName } from "./names.ts";
import { isPolicyKind } from "./parse/policy.ts";
import type { PolicyStore } from "./store.ts";
import type { PolicyRow, PolicySourceKind } from "./table.ts";
import type { ParsedPolicy } from "./types.ts";

const log = createLogger("policy");

export interface PolicyModuleDeps {
  readonly engine: GuardedEngine;
  readonly policies: Table<PolicyRow, string>;
  readonly resources: ReadonlyTable<ResourceRow, string>;
  readonly identities: ReadonlyTable<IdentityRow, number>;
  readonly store: PolicyStore;
}

/** What became of a policy that somebody gave or took back. */
export interface PolicyChange {
  readonly source: PolicySourceKind;
  readonly operation: "update" | "delete";
  readonly outcome: "success" | "fail";
}

/** A policy object that is not in force as it is, and why; its last good state stays. */
export interface RefusedPolicy {
  readonly id: string;
  readonly message: string;
}

export interface PolicyModule extends Module {
  /** Puts policies into force, all or none; they survive restarts. Throws PolicyParseError, PolicyConflictError. */
  import(resources: readonly unknown[]): number;
  /** Takes imported policies out of force: those named `namespace/name` (clusterwide: `name`), or all. Returns how many. */
  remove(name?: string): number;
  refused(): readonly RefusedPolicy[];
  /** Hears of each policy that is put into force or taken out of it, or that was refused. */
  onChange(listener: (change: PolicyChange) => void): Disposable;
}

/** Makes the module; policies are in force when `start` returns, identities follow their table. */
export function createPolicyModule(deps: PolicyModuleDeps): PolicyModule {
  return new Repository(deps);
}

class Repository implements PolicyModule {
  readonly name = "policy";
  readonly #deps: PolicyModuleDeps;
  readonly #refused = new Map<string, string>();
  readonly #watches: Disposable[] = [];
  readonly #listeners = new Set<(change: PolicyChange) => void>();
  readonly #audited = new AuditedNamespaces();
  /** Imported objects of an earlier run that are no valid policies (any more). */
  #unusable: unknown[] = [];

  constructor(deps: PolicyModuleDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { engine, identities, resources, store } = this.#deps;
    engine.upsertIdentities(identities.all());
    this.#watches.push(
      identities.onChange((batch) => {
        engine.upsertIdentities(batch.filter(({ kind }) => kind === "upsert").map(({ row }) => row));
        engine.removeIdentities(batch.filter(({ kind }) => kind === "delete").map(({ row }) => row.id));
      }),
    );
    for (const row of resources.all()) this.#audited.follow(row, false);
    for (const resource of store.loadImported()) this.#restoreImported(resource);
    for (const row of resources.all()) if (!this.#upsertObject(row)) this.#restoreObject(row);
    store.manifests.prune([...resources.all()].filter(({ kind }) => isPolicyKind(kind)).map(({ id }) => id));
    this.#watches.push(
      resources.onChange((batch) => {
        for (const { kind, row } of batch) this.#followNamespace(row, kind === "delete");
        for (const { kind, row } of batch) kind === "upsert" ? this.#upsertObject(row) : this.#deleteObject(row);
        store.saveCookies(engine.cookies);
      }),
    );
    store.saveCookies(engine.cookies);
  }

  async stop(): Promise<void> {
    for (const watch of this.#watches.splice(0)) watch[Symbol.dispose]();
  }

  health(): Health {
    const first = [...this.#refused.values()][0];
    if (first === undefined) return { state: "ok", message: `${this.#deps.policies.size} policies` };
    return { state: "degraded", message: `${this.#refused.size} policy object(s) refused: ${first}` };
  }

  refused(): readonly RefusedPolicy[] {
    return Array.from(this.#refused, ([id, message]) => ({ id, message }));
  }

  onChange(listener: (change: PolicyChange) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  import(resources: readonly unknown[]): number {
    try {
      return this.#import(resources);
    } catch (error) {
      this.#tell("api", "update", "fail");
      throw error;
    }
  }

  #import(resources: readonly unknown[]): number {
    const { engine, policies } = this.#deps;
    const parsed = resources.map((resource) => ({ policy: this.#parse(resource, "API"), resource }));
    const imported = this.#imported();
    for (const { policy, resource } of parsed) {
      const present = policies.get(policy.id);
      if (present !== undefined && present.source !== "api") throw new PolicyConflictError(policy.id, present.source);
      imported.set(policy.id, resource);
    }
    // First on disk: what could not be kept over a restart must not come into force.
    this.#saveImported(imported);
    for (const { policy, resource } of parsed) {
      this.#put(engine.upsertParsed(policy), resource, "api");
      this.#tell("api", "update", "success");
    }
    this.#deps.store.saveCookies(engine.cookies);
    return engine.revision;
  }

  remove(name?: string): number {
    const wanted = [...this.#deps.policies.all()].filter(
      (row) => row.source === "api" && (name === undefined || policyName(row) === name),
    );
    const unusable = name === undefined ? this.#unusable.length : 0;
    if (wanted.length + unusable === 0) return 0;
    const imported = this.#imported();
    for (const row of wanted) imported.delete(row.id);
    if (name === undefined) this.#forgetUnusable();
    this.#saveImported(imported);
    for (const row of wanted) this.#drop(row);
    return wanted.length + unusable;
  }

  /** Throws PolicyParseError, also for what the agent could enforce in part only. */
  #parse(resource: unknown, origin: string): ParsedPolicy {
    const policy = this.#deps.engine.parse(resource, origin);
    checkEnforceable(policy, origin, { hostFirewall: this.#deps.engine.hostFirewall });
    return policy.namespace !== "" && this.#audited.has(policy.namespace) ? { ...policy, audit: true } : policy;
  }

  /** A namespace that is audited now, or no more, changes the policies that are in it. */
  #followNamespace(row: ResourceRow, gone: boolean): void {
    const changed = this.#audited.follow(row, gone);
    if (changed === undefined) return;
    for (const { namespace, resource, source, id } of [...this.#deps.policies.all()]) {
      if (namespace === changed) this.#put(this.#deps.engine.upsertParsed(this.#parse(resource, id)), resource, source);
    }
    log.info("Audit mode of a namespace changed", { namespace: changed, audited: this.#audited.has(changed) });
  }

  #restoreImported(resource: unknown): void {
    try {
      const policy = this.#parse(resource, "an earlier import");
      this.#put(this.#deps.engine.upsertParsed(policy), resource, "api");
    } catch (thrown) {
      // It is kept: whoever looks after this node decides, not the next import.
      const { message } = toError(thrown);
      log.error("Cannot restore an imported policy", { error: message });
      this.#refused.set(`imported ${this.#unusable.push(resource)}`, message);
    }
  }

  #forgetUnusable(): void {
    for (let number = this.#unusable.length; number > 0; number--) this.#refused.delete(`imported ${number}`);
    this.#unusable = [];
  }

  /** Whether it is in force now; a refused one changes nothing. */
  #upsertObject(row: ResourceRow): boolean {
    if (!isPolicyKind(row.kind)) return true;
    try {
      const wasImported = this.#deps.policies.get(row.id)?.source === "api";
      const policy = this.#parse(row.object, row.origin);
      this.#put(this.#deps.engine.upsertParsed(policy), row.object, "directory");
      this.#refused.delete(row.id);
      this.#tell("directory", "update", "success");
      if (wasImported) this.#replaced(row);
      this.#deps.store.manifests.write(row.id, row.object);
      return true;
    } catch (thrown) {
      const message = toError(thrown).message;
      if (this.#refused.get(row.id) !== message)
        log.error("Policy refused, its last good state stays", { error: message });
      this.#refused.set(row.id, message);
      this.#tell("directory", "update", "fail");
      return false;
    }
  }

  /** What was imported under a manifest's name is over; if that cannot be kept, the next start finds the manifest again. */
  #replaced({ id, origin }: ResourceRow): void {
    log.warn("A manifest took the place of an imported policy", { policy: id, origin });
    try {
      this.#saveImported(this.#imported());
    } catch (thrown) {
      log.error("Cannot keep the imported policies without the one that was replaced", {
        ...{ policy: id, error: toError(thrown).message },
      });
    }
  }

  /** Puts into force what a refused object was in an earlier run, unless an import has its name. */
  #restoreObject({ id, origin }: ResourceRow): void {
    const { engine, policies, store } = this.#deps;
    if (policies.get(id) !== undefined) return;
    try {
      const object = store.manifests.read(id);
      if (object === undefined) return;
      this.#put(engine.upsertParsed(this.#parse(object, `${origin}, as last in force`)), object, "directory");
      log.warn("Policy restored as it was last in force", { policy: id, origin });
    } catch (thrown) {
      log.error("Cannot restore a policy as it was last in force", { policy: id, error: toError(thrown).message });
    }
  }

  #deleteObject(row: ResourceRow): void {
    if (!isPolicyKind(row.kind)) return;
    this.#refused.delete(row.id);
    // A refused object was not in force; under its name there may be an imported policy.
    const inForce = this.#deps.policies.get(row.id);
    if (inForce?.source === "directory") this.#drop(inForce);
    this.#deps.store.manifests.remove(row.id);
  }

  #put({ policy, revision }: PolicySummary, resource: unknown, source: PolicySourceKind): void {
    const { id, kind, namespace, name, rules, uid = "" } = policy;
    // The parser has seen to it that it is an object.
    const object = resource as Readonly<Record<string, unknown>>;
    this.#deps.policies.upsert({ id, uid, kind, namespace, name, resource: object, rules, source, revision });
  }

  #drop({ id, source }: PolicyRow): void {
    if (this.#deps.engine.deletePolicy(id) === undefined) return;
    this.#deps.policies.delete(id);
    this.#tell(source, "delete", "success");
  }

  #tell(source: PolicySourceKind, operation: PolicyChange["operation"], outcome: PolicyChange["outcome"]): void {
    for (const listener of this.#listeners) listener({ source, operation, outcome });
  }

  /** Imported objects by policy id. */
  #imported(): Map<string, unknown> {
    const rows = [...this.#deps.policies.all()].filter((row) => row.source === "api");
    return new Map(rows.map((row) => [row.id, row.resource]));
  }

  #saveImported(imported: ReadonlyMap<string, unknown>): void {
    this.#deps.store.saveImported([...imported.values(), ...this.#unusable]);
  }
}
