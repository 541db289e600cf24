// SPDX-License-Identifier: Apache-2.0
// Tables about the cluster: identities, prefixes, nodes, policies, objects.
import { type HealthRow, type PathState, reachable } from "../../../src/health/index.ts";
import { nodeAddress, nodeKey } from "../../../src/node/index.ts";
import { serveSnapshot, serveTable, statusColumns } from "./served.ts";
import type { StatedbDeps } from "./tables.ts";
import type { ServedTable } from "./types.ts";

export function clusterTables(deps: StatedbDeps): readonly ServedTable[] {
  return [...addressTables(deps), ...policyTables(deps), ...(deps.nodeHealth ? [healthTable(deps.nodeHealth)] : [])];
}

function addressTables({ identities, ipcache, nodes, nodeAddresses }: StatedbDeps): readonly ServedTable[] {
  return [
    serveTable(identities, {
      name: "identities",
      indexes: ["Labels"],
      columns: { ID: (row) => row.id, Labels: (row) => row.labels, Source: (row) => row.source },
    }),
    serveTable(ipcache, {
      name: "ipcache",
      indexes: ["Identity", "HostIP"],
      columns: {
        Prefix: (row) => row.prefix,
        Identity: (row) => row.identity,
        TunnelEndpoint: (row) => row.tunnelEndpoint,
        HostIP: (row) => row.hostIp,
        Source: (row) => row.source,
        Pod: (row) => row.metadata && `${row.metadata.namespace}/${row.metadata.name}`,
        ...statusColumns,
      },
    }),
    serveTable(nodes, {
      name: "nodes",
      columns: {
        Name: nodeKey,
        IPv4: (row) => nodeAddress(row, "InternalIP", 4),
        IPv6: (row) => nodeAddress(row, "InternalIP", 6),
        IPv4PodCIDR: (row) => row.ipv4PodCidr,
        IPv6PodCIDR: (row) => row.ipv6PodCidr,
        Source: (row) => row.source,
      },
    }),
    serveTable(nodeAddresses, {
      name: "node-ids",
      indexes: ["Node"],
      columns: {
        Address: (row) => row.address,
        Node: (row) => row.node,
        NodeID: (row) => row.nodeId,
        ...statusColumns,
      },
    }),
  ];
}

function policyTables({ policies, engine, resources }: StatedbDeps): readonly ServedTable[] {
  return [
    serveTable(policies, {
      name: "policies",
      columns: {
        Name: (row) => row.id,
        Rules: (row) => row.rules.length,
        Source: (row) => row.source,
        Revision: (row) => row.revision,
      },
    }),
    serveSnapshot(() => engine.selectors(), {
      name: "selectors",
      columns: {
        Selector: (row) => row.selector,
        Policies: (row) => row.labels,
        Users: (row) => row.users,
        Identities: (row) => row.identities,
      },
    }),
    serveTable(resources, {
      name: "resources",
      indexes: ["Kind"],
      columns: { Name: (row) => row.id, Kind: (row) => row.kind, Origin: (row) => row.origin },
    }),
  ];
}

function healthTable(table: NonNullable<StatedbDeps["nodeHealth"]>): ServedTable {
  const latency = ({ last }: PathState) => (last?.ok === true ? `${Math.round(last.latencyNs / 1000)}µs` : "");
  const problem = ({ last }: PathState) => (last?.ok === false ? last.problem : "");
  return serveTable(table, {
    name: "node-health",
    indexes: ["Node"],
    columns: {
      Path: (row: HealthRow) => `${row.node}/${row.kind}/${row.ip}`,
      Node: (row) => row.node,
      Reachable: reachable,
      ICMP: ({ icmp }) => latency(icmp),
      ICMPError: ({ icmp }) => problem(icmp),
      HTTP: ({ http }) => latency(http),
      HTTPError: ({ http }) => problem(http),
    },
  });
}
