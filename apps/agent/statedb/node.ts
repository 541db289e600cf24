// SPDX-License-Identifier: Apache-2.0
// Tables about this node's agent: endpoints, addresses that were given out, configuration, modules.
import { endpointState } from "../../../src/endpoint/index.ts";
import { serveSnapshot, serveTable, statusColumns } from "./served.ts";
import type { StatedbDeps } from "./tables.ts";
import type { ServedTable } from "./types.ts";

/** Words of Cilium's table. */
const levels = { ok: "OK", degraded: "Degraded", stopped: "Stopped" } as const;

export function nodeTables({ endpoints, ipam, config, modules }: StatedbDeps): readonly ServedTable[] {
  return [
    serveTable(endpoints, {
      name: "endpoints",
      indexes: ["Pod", "IPv4", "IPv6", "Identity"],
      columns: {
        ID: (row) => row.id,
        State: (row) => endpointState(row.phase, row.status),
        Identity: (row) => row.identity,
        Labels: (row) => row.labels,
        Pod: (row) => (row.podName === "" ? "" : `${row.podNamespace}/${row.podName}`),
        ContainerID: (row) => row.containerId,
        Device: (row) => row.interfaceName,
        IPv4: (row) => row.ipv4,
        IPv6: (row) => row.ipv6,
        PolicyRevision: (row) => row.policy?.revision,
        ...statusColumns,
      },
    }),
    serveSnapshot(() => ipam.list(), {
      name: "ipam-allocations",
      indexes: ["Owner"],
      columns: {
        IP: (row) => row.ip,
        Pool: (row) => row.pool,
        Owner: (row) => row.owner,
        Expires: (row) => row.expirationUuid !== undefined,
      },
    }),
    serveSnapshot(() => config.entries(), {
      name: "cilium-configs",
      columns: {
        Key: ([key]) => key,
        Value: ([, { text }]) => text,
        Source: ([, { source }]) => source,
      },
    }),
    serveSnapshot(() => modules(), {
      name: "health",
      indexes: ["Level"],
      columns: {
        Module: ([name]) => name,
        // Modules have no parts.
        Component: () => "",
        Level: ([, { state }]) => levels[state],
        Message: ([, { state, message }]) => (state === "ok" ? message : ""),
        Error: ([, { state, message }]) => (state === "ok" ? "" : message),
      },
    }),
  ];
}
