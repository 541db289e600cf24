// SPDX-License-Identifier: Apache-2.0
// Where the kube-apiserver is: the backends of its own Service, which the entity of that name stands for.
import type { ResourceRow } from "../kubernetes/index.ts";
import { addressesOf, endpointKinds, serviceOf } from "./services.ts";

/** Whether the object may say where the kube-apiserver is: the Endpoints or an EndpointSlice of `default/kubernetes`. */
export function tellsApiServers(row: ResourceRow): boolean {
  return endpointKinds.has(row.kind) && row.namespace === "default" && serviceOf(row) === "kubernetes";
}

/** Addresses that such objects name, canonical. Throws FormatError for what is no address. */
export function apiServerAddresses(rows: Iterable<ResourceRow>): ReadonlySet<string> {
  return new Set([...rows].filter(tellsApiServers).flatMap(addressesOf));
}
