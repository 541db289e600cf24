// SPDX-License-Identifier: Apache-2.0
// What a new endpoint may not share with those that are there.
import type { ReadonlyTable } from "../core/index.ts";
import { EndpointError } from "./errors.ts";
import { attachmentId, type CreateEndpoint, type EndpointRow, endpointAddresses } from "./types.ts";

/** Throws EndpointError `conflict` for an address or an attachment that another has, `invalid` without an address. */
export function refuseConflicts(table: ReadonlyTable<EndpointRow, number>, request: CreateEndpoint): void {
  for (const address of endpointAddresses(request)) {
    const other = table.by("address", address)[0];
    if (other !== undefined) {
      throw new EndpointError("conflict", `Cannot create endpoint: ${address} belongs to endpoint ${other.id}`);
    }
  }
  const same = table.by("attachment", attachmentId(request))[0];
  if (same !== undefined) {
    throw new EndpointError(
      "conflict",
      `Cannot create endpoint: "${attachmentId(request)}" is endpoint ${same.id} already`,
    );
  }
  if (endpointAddresses(request).length === 0) {
    throw new EndpointError("invalid", "Cannot create endpoint: it has no address, expected ipv4, ipv6 or both");
  }
}
