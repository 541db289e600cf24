// SPDX-License-Identifier: Apache-2.0
// CIDR groups and services from objects into the engine, for the policies that refer to them.
import { createLogger, type Health, type Module, type ReadonlyTable, toError } from "../core/index.ts";
import { type ResourceRow, resourceId } from "../kubernetes/index.ts";
import type { PolicyEngine } from "./engine/engine.ts";
import { policyName } from "./names.ts";
import { cidrGroupKind, parseCidrGroup } from "./parse/cidr-group.ts";
import { endpointKinds, ServiceSlices, servicePeers } from "./services.ts";
import type { PolicyRow } from "./table.ts";
import type { PeerReference } from "./types.ts";

const log = createLogger("policy-references");

export interface PolicyReferencesDeps {
  readonly engine: PolicyEngine;
  readonly resources: ReadonlyTable<ResourceRow, string>;
  readonly policies: ReadonlyTable<PolicyRow, string>;
  /** Name of the local cluster, in which services have their pods. */
  readonly cluster: string;
  /** Called when what policies refer to has changed. */
  readonly changed: () => void;
}

/** Makes the module; what is known is in the engine when `start` returns. */
export function createPolicyReferences(deps: PolicyReferencesDeps): Module {
  return new References(deps);
}

/** An object that cannot be used keeps its last good state; one that is not there stands for nobody. */
class References implements Module {
  readonly name = "policy-references";
  readonly #deps: PolicyReferencesDeps;
  /** By the id of the group or service that is as it was. */
  readonly #refused = new Map<string, string>();
  readonly #slices = new ServiceSlices();
  #watch: Disposable | undefined;

  constructor(deps: PolicyReferencesDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { resources, changed } = this.#deps;
    this.#follow(Array.from(resources.all(), (row) => ({ kind: "upsert" as const, row })));
    this.#watch = resources.onChange((batch) => {
      if (this.#follow(batch)) changed();
    });
    changed();
  }

  async stop(): Promise<void> {
    this.#watch?.[Symbol.dispose]();
  }

  health(): Health {
    const [refused] = this.#refused.values();
    if (refused !== undefined) return { state: "degraded", message: refused };
    const [missing] = this.#missing();
    return missing === undefined ? { state: "ok" } : { state: "degraded", message: missing };
  }

  /** Whether any of it is something that policies may refer to. Each group and service is taken once, as it is now. */
  #follow(batch: readonly { readonly kind: "upsert" | "delete"; readonly row: ResourceRow }[]): boolean {
    const concerned = new Set<string>();
    for (const { kind, row } of batch) {
      if (row.kind === cidrGroupKind || row.kind === "Service") concerned.add(row.id);
      else if (endpointKinds.has(row.kind))
        for (const id of kind === "upsert" ? this.#slices.upsert(row) : this.#slices.remove(row)) concerned.add(id);
    }
    for (const id of concerned) this.#take(id);
    return concerned.size > 0;
  }

  /** Brings the engine in line with a group or a service, which may be gone. */
  #take(id: string): void {
    const { engine, resources, cluster } = this.#deps;
    const row = resources.get(id);
    try {
      const [kind = "", namespace = "", name = ""] = id.split("/");
      if (kind === cidrGroupKind) {
        if (row === undefined) engine.deleteCidrGroup(name);
        else engine.upsertCidrGroup(parseCidrGroup(row.object, row.origin));
      } else if (row === undefined) engine.deleteService(namespace, name);
      else engine.upsertService(servicePeers(row, this.#slices.of(id), cluster));
      this.#refused.delete(id);
    } catch (thrown) {
      const { message } = toError(thrown);
      if (this.#refused.get(id) !== message) log.error("Object refused, its last good state stays", { error: message });
      this.#refused.set(id, message);
    }
  }

  /** Sentences about what policies name and nobody is. */
  *#missing(): Iterable<string> {
    const { policies, resources } = this.#deps;
    for (const row of policies.all()) {
      for (const rule of row.rules) {
        for (const { peers, section } of [...rule.ingress, ...rule.egress]) {
          for (const peer of peers ?? []) {
            const id = "kind" in peer ? idOf(peer) : undefined;
            if (id === undefined || resources.get(id) !== undefined) continue;
            yield `Policy "${policyName(row)}" ${section} refers to ${id}, which is not there and stands for nobody`;
          }
        }
      }
    }
  }
}

/** Of the object that a reference names; undefined for references by label. */
function idOf(peer: PeerReference): string | undefined {
  if (peer.kind === "cidr-group") return resourceId(cidrGroupKind, "", peer.name);
  return peer.kind === "service" ? resourceId("Service", peer.namespace, peer.name) : undefined;
}
