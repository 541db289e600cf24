// SPDX-License-Identifier: Apache-2.0
// Tables about the kernel: its devices and routes as they are now, and what the datapath keeps there.
import { hostPort } from "../../../src/core/index.ts";
import { protocolName } from "../../../src/datapath/index.ts";
import { Rtnetlink } from "../../../src/kernel/index.ts";
import type { NatUse } from "../nat-use.ts";
import { serveSnapshot } from "./served.ts";
import type { StatedbDeps } from "./tables.ts";
import type { ServedTable } from "./types.ts";

export function kernelTables({ datapath, natUse }: StatedbDeps): readonly ServedTable[] {
  return [
    serveSnapshot(() => datapath.status(), {
      name: "datapath-objects",
      indexes: ["Kind"],
      columns: {
        Name: (row) => `${row.kind}/${row.name}`,
        Kind: (row) => row.kind,
        Repairs: (row) => row.repairs,
        Status: (row) => row.state,
        Since: (row) => new Date(row.since).toISOString(),
        Error: (row) => row.error,
      },
    }),
    serveSnapshot(devices, {
      name: "devices",
      indexes: ["Name"],
      columns: {
        Index: (row) => row.ifindex,
        Name: (row) => row.name,
        Type: (row) => row.kind,
        MTU: (row) => row.mtu,
        HWAddr: (row) => row.mac,
        Up: (row) => row.up,
        OperState: (row) => row.operState,
        Addresses: (row) => row.addresses,
      },
    }),
    serveSnapshot(() => ask((rtnl) => rtnl.routes()), {
      name: "routes",
      indexes: ["Destination", "Table"],
      columns: {
        Route: (row) => `${row.table}/${row.destination}/${row.ifindex ?? 0}/${row.metric ?? 0}/${row.gateway ?? ""}`,
        Destination: (row) => row.destination,
        Table: (row) => row.table,
        Type: (row) => row.type,
        Gateway: (row) => row.gateway,
        LinkIndex: (row) => row.ifindex,
        Source: (row) => row.source,
        Scope: (row) => row.scope,
        MTU: (row) => row.mtu,
        Metric: (row) => row.metric,
      },
    }),
    serveSnapshot(() => natDestinations(natUse), {
      name: "nat-stats",
      indexes: ["EgressIP"],
      columns: {
        Flows: (row) => `${row.type}/${row.proto}/${row.egress}/${hostPort(row.destination, row.port)}`,
        IPFamily: (row) => row.type,
        Proto: (row) => row.proto,
        EgressIP: (row) => row.egress,
        RemoteAddr: (row) => hostPort(row.destination, row.port),
        Count: (row) => row.flows,
      },
    }),
  ];
}

/** Of both families. */
function natDestinations(natUse: Pick<NatUse, "top">) {
  return ([4, 6] as const).flatMap((family) =>
    (natUse.top(family) ?? []).map((row) => ({ ...row, type: `ipv${family}`, proto: protocolName(row.protocol) })),
  );
}

/** Links with their addresses, by two questions whatever their number. */
function devices() {
  return ask((rtnl) => {
    const byLink = Map.groupBy(rtnl.addresses(), ({ ifindex }) => ifindex);
    return rtnl
      .links()
      .map((link) => ({ ...link, addresses: (byLink.get(link.ifindex) ?? []).map(({ address }) => address) }));
  });
}

function ask<T>(question: (rtnl: Rtnetlink) => T): T {
  using rtnl = new Rtnetlink();
  return question(rtnl);
}
