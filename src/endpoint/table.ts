// SPDX-License-Identifier: Apache-2.0
// The endpoints table.
import { Table } from "../core/index.ts";
import { attachmentId, type EndpointRow, endpointAddresses } from "./types.ts";

export function createEndpointTable(): Table<EndpointRow, number> {
  return new Table<EndpointRow, number>({
    name: "endpoints",
    key: (row) => row.id,
    indexes: {
      container: (row) => row.containerId,
      attachment: attachmentId,
      address: endpointAddresses,
      pod: (row) => (row.podName === "" ? undefined : `${row.podNamespace}/${row.podName}`),
      identity: (row) => row.identity,
      interface: (row) => row.interfaceName,
    },
  });
}
