// SPDX-License-Identifier: Apache-2.0
// Stands before the engine: policies that select hosts get there provisionally, and what was confirmed comes back.
import { createHash } from "node:crypto";
import { type Clock, createLogger, toError } from "../../core/index.ts";
import type { PolicyEngine, PolicySummary } from "../engine/engine.ts";
import type { ParsedPolicy } from "../types.ts";
import { type ConfirmState, confirm, expire, offer, type SnapshotId } from "./state.ts";

const log = createLogger("policy-confirm");

/** What the policy module uses of an engine. */
export type GuardedEngine = Pick<
  PolicyEngine,
  | "parse"
  | "upsertParsed"
  | "deletePolicy"
  | "upsertIdentities"
  | "removeIdentities"
  | "cookies"
  | "revision"
  | "hostFirewall"
>;

/** What a restart needs: the confirmed policies as the objects that they were, and what was reverted last. */
export interface ConfirmedPolicies {
  readonly resources: readonly unknown[];
  readonly rejected?: { readonly wanted: SnapshotId; readonly reason: string };
}

export interface ConfirmedStore {
  load(): ConfirmedPolicies;
  save(confirmed: ConfirmedPolicies): void;
}

export interface HostPolicyGuardDeps {
  readonly engine: PolicyEngine;
  readonly store: ConfirmedStore;
  readonly clock: Pick<Clock, "monotonic">;
  /** Milliseconds that a policy has to prove itself. */
  readonly patience: number;
}

interface HostPolicy {
  readonly policy: ParsedPolicy;
  readonly resource: unknown;
}

type HostPolicies = ReadonlyMap<string, HostPolicy>;

export class HostPolicyGuard {
  /** For the policy module, in the engine's place. */
  readonly engine: GuardedEngine;
  readonly #deps: HostPolicyGuardDeps;
  /** The object that each parsed policy was. */
  readonly #resources = new WeakMap<ParsedPolicy, unknown>();
  readonly #wanted = new Map<string, HostPolicy>();
  /** Those that the engine has. */
  readonly #enforced = new Map<string, HostPolicy>();
  #confirmed: HostPolicies = new Map();
  /** Before, policies only gather: half of what an earlier run had is no change that anybody wanted. */
  #settled = false;
  #state: ConfirmState = { kind: "confirmed", wanted: snapshotOf(new Map()) };

  constructor(deps: HostPolicyGuardDeps) {
    this.#deps = deps;
    const { engine } = deps;
    this.engine = {
      parse: (resource, origin) => this.#parse(resource, origin),
      upsertParsed: (policy) => this.#upsert(policy),
      deletePolicy: (id) => this.#delete(id),
      upsertIdentities: (identities) => engine.upsertIdentities(identities),
      removeIdentities: (ids) => engine.removeIdentities(ids),
      cookies: engine.cookies,
      get revision() {
        return engine.revision;
      },
      hostFirewall: engine.hostFirewall,
    };
  }

  /** Takes over what an earlier run had confirmed. Call it before the first policy comes. */
  restore(): void {
    const confirmed = new Map<string, HostPolicy>();
    const { resources, rejected } = this.#deps.store.load();
    for (const resource of resources) {
      try {
        const policy = this.#parse(resource, "confirmed in an earlier run");
        confirmed.set(policy.id, { policy, resource });
      } catch (thrown) {
        log.error("Cannot restore a confirmed policy for hosts", { error: toError(thrown).message });
      }
    }
    this.#confirmed = confirmed;
    const previous = snapshotOf(confirmed);
    this.#state =
      rejected === undefined
        ? { kind: "confirmed", wanted: previous }
        : { kind: "reverted", previous, since: this.#deps.clock.monotonic(), ...rejected };
  }

  /** The policies that there are have come; from now on they go to the engine, and a change of them is one. */
  settle(): void {
    this.#settled = true;
    this.#offer();
  }

  get state(): ConfirmState {
    return this.#state;
  }

  /** Names of the policies that are wanted and not confirmed: on trial, or reverted. */
  unconfirmed(): readonly string[] {
    if (this.#state.kind === "confirmed") return [];
    const changed = ([id, { resource }]: [string, HostPolicy]) =>
      JSON.stringify(this.#confirmed.get(id)?.resource) !== JSON.stringify(resource);
    const gone = [...this.#confirmed.keys()].filter((id) => !this.#wanted.has(id));
    return [...[...this.#wanted].filter(changed).map(([id]) => id), ...gone].sort();
  }

  /** Whether a policy of this name is among those confirmed last. */
  isConfirmed(id: string): boolean {
    return this.#confirmed.has(id);
  }

  /** Everything is reached: what is in force stays. */
  confirm(): void {
    this.#become(confirm(this.#state));
  }

  /** Time passes; `reason` says what is not reached. True when that ended a trial. */
  expire(reason: string): boolean {
    const before = this.#state;
    this.#become(expire(before, this.#deps.clock.monotonic(), reason));
    return this.#state !== before;
  }

  #parse(resource: unknown, origin?: string): ParsedPolicy {
    const policy = this.#deps.engine.parse(resource, origin);
    this.#resources.set(policy, resource);
    return policy;
  }

  #upsert(policy: ParsedPolicy): PolicySummary {
    const { engine } = this.#deps;
    const wasWanted = this.#wanted.delete(policy.id);
    if (selectsHosts(policy)) {
      this.#wanted.set(policy.id, { policy, resource: this.#resources.get(policy) });
      this.#offer();
      return { policy, revision: engine.revision };
    }
    if (wasWanted) {
      this.#offer();
      // The engine's is about to be another policy of this name.
      this.#enforced.delete(policy.id);
    }
    return engine.upsertParsed(policy);
  }

  #delete(id: string): PolicySummary | undefined {
    const known = this.#wanted.get(id);
    if (known === undefined) return this.#deps.engine.deletePolicy(id);
    this.#wanted.delete(id);
    this.#offer();
    return { policy: known.policy, revision: this.#deps.engine.revision };
  }

  #offer(): void {
    if (!this.#settled) return;
    const wanted = snapshotOf(this.#wanted);
    this.#become(offer(this.#state, wanted, this.#deps.clock.monotonic(), this.#deps.patience));
    this.#enforce();
  }

  #become(state: ConfirmState): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state.kind === "confirmed") this.#confirmed = new Map(this.#wanted);
    if (state.kind !== "provisional") this.#save(state);
    this.#enforce();
  }

  #save(state: ConfirmState): void {
    const resources = [...this.#confirmed.values()].map(({ resource }) => resource);
    const rejected = state.kind === "reverted" ? { wanted: state.wanted, reason: state.reason } : undefined;
    try {
      this.#deps.store.save({ resources, ...(rejected && { rejected }) });
    } catch (thrown) {
      log.error("Cannot keep which policies for hosts are confirmed", { error: toError(thrown).message });
    }
  }

  /** Brings the engine to the policies in force. */
  #enforce(): void {
    const { engine } = this.#deps;
    const target: HostPolicies = this.#state.kind === "reverted" ? this.#confirmed : this.#wanted;
    for (const [id, entry] of target) {
      if (this.#enforced.get(id)?.policy === entry.policy) continue;
      engine.upsertParsed(entry.policy);
      this.#enforced.set(id, entry);
    }
    for (const id of [...this.#enforced.keys()]) {
      if (target.has(id)) continue;
      engine.deletePolicy(id);
      this.#enforced.delete(id);
    }
  }
}

/** Whether the policy is about hosts. */
function selectsHosts(policy: Pick<ParsedPolicy, "rules">): boolean {
  return policy.rules.some(({ subjectKind }) => subjectKind === "node");
}

function snapshotOf(policies: HostPolicies): string {
  const sorted = [...policies].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, { resource }]) => [id, resource]);
  return createHash("sha256").update(JSON.stringify(sorted)).digest("base64url");
}
