// SPDX-License-Identifier: Apache-2.0
// Tables about what the datapath keeps in the kernel, and what it found there.
import { hostPort } from "../../../src/core/index.ts";
import { type MtuInfo, protocolName, sysctlOrNothing } from "../../../src/datapath/index.ts";
import type { NatUse } from "../nat-use.ts";
import { networkTables } from "./network.ts";
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
    ...networkTables(),
    serveSnapshot(() => mtus(datapath.mtu), {
      name: "mtu",
      columns: {
        Prefix: ({ prefix }) => prefix,
        DeviceMTU: ({ device }) => device,
        RouteMTU: ({ route }) => route,
      },
    }),
    serveSnapshot(() => datapath.status().filter(({ kind }) => kind === "sysctl"), {
      name: "sysctl",
      columns: {
        Name: ({ name }) => name.replaceAll("/", "."),
        Value: ({ name }) => sysctlOrNothing(name)?.trim(),
        Status: ({ state }) => state,
        Since: ({ since }) => new Date(since).toISOString(),
        Error: ({ error }) => error,
      },
    }),
    serveSnapshot(() => natDestinations(natUse), {
      name: "nat-stats",
      key: (row) => `${row.type}/${row.proto}/${row.egress}/${hostPort(row.destination, row.port)}`,
      indexes: ["EgressIP"],
      columns: {
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

function mtus({ device, route }: MtuInfo) {
  return ["0.0.0.0/0", "::/0"].map((prefix) => ({ prefix, device, route }));
}
