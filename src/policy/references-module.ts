// SPDX-License-Identifier: Apache-2.0
// CIDR groups and services from objects into the engine, for the policies that refer to them.
import { createLogger, type Health, type Module, type ReadonlyTable, toError } from "../core/index.ts";
import type { ResourceRow } from "../kubernetes/index.ts";
import type { PolicyEngine } from "./engine/engine.ts";
import { cidrGroupKind, parseCidrGroup } from "./parse/cidr-group.ts";
import { endpointKinds, serviceOf, servicePeers } from "./services.ts";
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
  readonly #refused = new Map<string, string>();
  #watch: Disposable | undefined;

  constructor(deps: PolicyReferencesDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { resources, changed } = this.#deps;
    for (const row of resources.all()) this.#take(row);
    this.#watch = resources.onChange((batch) => {
      let any = false;
      for (const { kind, row } of batch) any = (kind === "upsert" ? this.#take(row) : this.#drop(row)) || any;
      if (any) changed();
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

  /** Whether it is an object that policies may refer to. */
  #take(row: ResourceRow): boolean {
    if (row.kind !== cidrGroupKind && row.kind !== "Service" && !endpointKinds.has(row.kind)) return false;
    try {
      if (row.kind === cidrGroupKind) this.#deps.engine.upsertCidrGroup(parseCidrGroup(row.object, row.origin));
      else this.#takeService(row.namespace, row.kind === "Service" ? row.name : serviceOf(row));
      this.#refused.delete(row.id);
    } catch (thrown) {
      const { message } = toError(thrown);
      if (this.#refused.get(row.id) !== message)
        log.error("Object refused, its last good state stays", { error: message });
      this.#refused.set(row.id, message);
    }
    return true;
  }

  #drop(row: ResourceRow): boolean {
    this.#refused.delete(row.id);
    const { engine } = this.#deps;
    if (row.kind === cidrGroupKind) engine.deleteCidrGroup(row.name);
    else if (row.kind === "Service") engine.deleteService(row.namespace, row.name);
    else if (endpointKinds.has(row.kind)) this.#takeService(row.namespace, serviceOf(row));
    else return false;
    return true;
  }

  #takeService(namespace: string, name: string | undefined): void {
    const { engine, resources, cluster } = this.#deps;
    const service = resources.by("kind", "Service").find((row) => row.namespace === namespace && row.name === name);
    if (service === undefined) return;
    const slices = [...endpointKinds].flatMap((kind) => [...resources.by("kind", kind)]);
    engine.upsertService(servicePeers(service, slices, cluster));
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
            yield `Policy "${row.namespace}/${row.name}" ${section} refers to ${id}, which is not there and stands for nobody`;
          }
        }
      }
    }
  }
}

/** Of the object that a reference names; undefined for references by label. */
function idOf(peer: PeerReference): string | undefined {
  if (peer.kind === "cidr-group") return `${cidrGroupKind}//${peer.name}`;
  return peer.kind === "service" ? `Service/${peer.namespace}/${peer.name}` : undefined;
}
