// SPDX-License-Identifier: Apache-2.0
// Services as policies see them: the pods that a selector chooses, or addresses where there is no selector.
import { FormatError, hostCidr, Labels, parseCidr, tryParseIp } from "../core/index.ts";
import { type ResourceRow, resourceId } from "../kubernetes/index.ts";
import type { ServicePeers } from "./engine/references.ts";
import { clusterKey, namespaceKey } from "./names.ts";
import { prefixSelector } from "./selectors/address-selector.ts";
import { makeSelector } from "./selectors/selector.ts";
import type { Requirement, Selector } from "./types.ts";

/** The label of an EndpointSlice that names its service. */
const serviceNameLabel = "kubernetes.io/service-name";

/** Kinds of objects that tell backends of services without a selector. */
export const endpointKinds: ReadonlySet<string> = new Set(["Endpoints", "EndpointSlice"]);

type Fields = Readonly<Record<string, unknown>>;

/**
 * The peers of a Service. `slices` are its Endpoints and EndpointSlices; pods behind a selector are those of the local
 * cluster. Throws FormatError for labels that are none.
 */
export function servicePeers(row: ResourceRow, slices: readonly ResourceRow[], cluster: string): ServicePeers {
  const spec = fieldsOf(row.object.spec);
  const selector = textsOf(spec.selector);
  const backends =
    selector.length > 0
      ? [podSelector(row.namespace, selector, cluster)]
      : slices.flatMap(addressesOf).map((ip) => prefixSelector(parseCidr(hostCidr(ip))));
  const labels = textsOf(fieldsOf(row.object.metadata).labels).map(([key, value]) => ({ source: "k8s", key, value }));
  return { namespace: row.namespace, name: row.name, labels: Labels.of(labels), backends };
}

/** Endpoints and EndpointSlices by the service that they are about. */
export class ServiceSlices {
  readonly #byService = new Map<string, Map<string, ResourceRow>>();
  readonly #serviceOf = new Map<string, string>();

  /** Ids of the services concerned: the one that it is about, and the one that it was about before. */
  upsert(row: ResourceRow): readonly string[] {
    const before = this.remove(row);
    const name = serviceOf(row);
    if (name === undefined) return before;
    const id = resourceId("Service", row.namespace, name);
    this.#serviceOf.set(row.id, id);
    const rows = this.#byService.get(id) ?? new Map<string, ResourceRow>();
    this.#byService.set(id, rows.set(row.id, row));
    return before.includes(id) ? before : [...before, id];
  }

  remove({ id }: ResourceRow): readonly string[] {
    const service = this.#serviceOf.get(id);
    if (service === undefined) return [];
    this.#serviceOf.delete(id);
    const rows = this.#byService.get(service);
    rows?.delete(id);
    if (rows?.size === 0) this.#byService.delete(service);
    return [service];
  }

  of(service: string): readonly ResourceRow[] {
    return [...(this.#byService.get(service)?.values() ?? [])];
  }
}

/** The name of the service that an Endpoints or EndpointSlice object is about. */
export function serviceOf(row: ResourceRow): string | undefined {
  if (row.kind === "Endpoints") return row.name;
  const name = fieldsOf(fieldsOf(row.object.metadata).labels)[serviceNameLabel];
  return typeof name === "string" ? name : undefined;
}

function podSelector(namespace: string, labels: readonly (readonly [string, string])[], cluster: string): Selector {
  const equals = (key: string, value: string): Requirement => ({ source: "k8s", key, operator: "In", values: [value] });
  return makeSelector([
    ...labels.map(([key, value]) => equals(key, value)),
    equals(namespaceKey, namespace),
    equals(clusterKey, cluster),
  ]);
}

/** Addresses of an Endpoints (`subsets[].addresses[].ip`) or EndpointSlice (`endpoints[].addresses[]`). */
export function addressesOf(row: ResourceRow): readonly string[] {
  const texts =
    row.kind === "Endpoints"
      ? listOf(row.object.subsets).flatMap((subset) =>
          listOf(fieldsOf(subset).addresses).map((item) => fieldsOf(item).ip),
        )
      : listOf(row.object.endpoints).flatMap((endpoint) => listOf(fieldsOf(endpoint).addresses));
  return texts.map((text) => {
    const ip = typeof text === "string" ? tryParseIp(text) : undefined;
    if (ip === undefined) throw new FormatError(`Cannot use ${row.kind} "${row.namespace}/${row.name}": bad address`);
    return ip;
  });
}

function textsOf(value: unknown): readonly (readonly [string, string])[] {
  return Object.entries(fieldsOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === "string");
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
