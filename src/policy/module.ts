// SPDX-License-Identifier: Apache-2.0
// Policies from objects and from the API, identities from the allocator: all into the engine and the policies table.
import { createLogger, type Health, type Module, type ReadonlyTable, type Table, toError } from "../core/index.ts";
import type { IdentityRow } from "../identity/index.ts";
import type { ResourceRow } from "../kubernetes/index.ts";
import type { PolicyEngine, PolicySummary } from "./engine/engine.ts";
import { PolicyConflictError } from "./errors.ts";
import type { PolicyStore } from "./store.ts";
import type { PolicyRow, PolicySourceKind } from "./table.ts";

const log = createLogger("policy");
const policyKinds = new Set([
  "CiliumNetworkPolicy",
  "CiliumClusterwideNetworkPolicy",
  "NetworkPolicy",
  "ClusterNetworkPolicy",
]);

export interface PolicyModuleDeps {
  readonly engine: PolicyEngine;
  readonly policies: Table<PolicyRow, string>;
  readonly resources: ReadonlyTable<ResourceRow, string>;
  readonly identities: ReadonlyTable<IdentityRow, number>;
  readonly store: PolicyStore;
}

/** A policy object that is not in force as it is, and why; its last good state stays. */
export interface RefusedPolicy {
  readonly id: string;
  readonly message: string;
}

export interface PolicyModule extends Module {
  /** Puts policies into force, all or none; they survive restarts. Throws PolicyParseError, PolicyConflictError. */
  import(resources: readonly unknown[]): number;
  /** Takes imported policies out of force: those named `namespace/name`, or all. Returns how many. */
  remove(name?: string): number;
  refused(): readonly RefusedPolicy[];
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
    for (const resource of store.loadImported()) this.#restoreImported(resource);
    for (const row of resources.all()) this.#upsertObject(row);
    this.#watches.push(
      resources.onChange((batch) => {
        for (const { kind, row } of batch) kind === "upsert" ? this.#upsertObject(row) : this.#deleteObject(row);
        store.saveCookies(engine.cookies.toJSON());
      }),
    );
    store.saveCookies(engine.cookies.toJSON());
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

  import(resources: readonly unknown[]): number {
    const { engine, policies } = this.#deps;
    const parsed = resources.map((resource) => ({ policy: engine.parse(resource, "API"), resource }));
    for (const { policy } of parsed) {
      const present = policies.get(policy.id);
      if (present !== undefined && present.source !== "api") throw new PolicyConflictError(policy.id, present.source);
    }
    for (const { policy, resource } of parsed) this.#put(engine.upsertParsed(policy), resource, "api");
    this.#saveImported();
    return engine.revision;
  }

  remove(name?: string): number {
    const wanted = [...this.#deps.policies.all()].filter(
      (row) => row.source === "api" && (name === undefined || `${row.namespace}/${row.name}` === name),
    );
    for (const row of wanted) this.#drop(row.id);
    if (wanted.length > 0) this.#saveImported();
    return wanted.length;
  }

  #restoreImported(resource: unknown): void {
    try {
      this.#put(this.#deps.engine.upsertPolicy(resource, "an earlier import"), resource, "api");
    } catch (thrown) {
      log.error("Cannot restore an imported policy", { error: toError(thrown).message });
      this.#refused.set(`imported ${this.#refused.size}`, toError(thrown).message);
    }
  }

  #upsertObject(row: ResourceRow): void {
    if (!policyKinds.has(row.kind)) return;
    try {
      this.#put(this.#deps.engine.upsertPolicy(row.object, row.origin), row.object, "directory");
      this.#refused.delete(row.id);
    } catch (thrown) {
      const message = toError(thrown).message;
      if (this.#refused.get(row.id) !== message)
        log.error("Policy refused, its last good state stays", { error: message });
      this.#refused.set(row.id, message);
    }
  }

  #deleteObject(row: ResourceRow): void {
    if (!policyKinds.has(row.kind)) return;
    this.#refused.delete(row.id);
    this.#drop(row.id);
  }

  #put({ policy, revision }: PolicySummary, resource: unknown, source: PolicySourceKind): void {
    const { id, kind, namespace, name, rules, uid = "" } = policy;
    // The parser has seen to it that it is an object.
    const object = resource as Readonly<Record<string, unknown>>;
    this.#deps.policies.upsert({ id, uid, kind, namespace, name, resource: object, rules, source, revision });
  }

  #drop(id: string): void {
    if (this.#deps.engine.deletePolicy(id) !== undefined) this.#deps.policies.delete(id);
  }

  #saveImported(): void {
    const { engine, policies, store } = this.#deps;
    store.saveImported([...policies.all()].filter((row) => row.source === "api").map((row) => row.resource));
    store.saveCookies(engine.cookies.toJSON());
  }
}
