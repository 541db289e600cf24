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
  refuseAttachment(table, request);
  if (endpointAddresses(request).length === 0) {
    throw new EndpointError("invalid", "Cannot create endpoint: it has no address, expected ipv4, ipv6 or both");
  }
}

/** Throws EndpointError `conflict` for an attachment that another endpoint is. */
export function refuseAttachment(
  table: ReadonlyTable<EndpointRow, number>,
  of: Parameters<typeof attachmentId>[0],
): void {
  const same = table.by("attachment", attachmentId(of))[0];
  if (same === undefined) return;
  throw new EndpointError("conflict", `Cannot use attachment: "${attachmentId(of)}" is endpoint ${same.id} already`);
}
