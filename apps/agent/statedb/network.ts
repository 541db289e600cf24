// SPDX-License-Identifier: Apache-2.0
// Tables about the node's network as it is now: devices, their addresses, routes, neighbours. Columns are Cilium's, and
// then ours.
import { Rtnetlink } from "../../../src/kernel/index.ts";
import { serveSnapshot } from "./served.ts";
import type { ServedTable } from "./types.ts";

/** IFF_* bits in the order and words of Go's net.Flags. */
const flagWords = [
  [1, "up"],
  [2, "broadcast"],
  [8, "loopback"],
  [16, "pointtopoint"],
  [0x1000, "multicast"],
  [64, "running"],
] as const;

export function networkTables(): readonly ServedTable[] {
  return [
    serveSnapshot(devices, {
      name: "devices",
      key: ({ ifindex }) => ifindex,
      indexes: ["Name"],
      columns: {
        Name: ({ name }) => name,
        Index: ({ ifindex }) => ifindex,
        Type: ({ kind }) => kind ?? "device",
        MTU: ({ mtu }) => mtu,
        HWAddr: ({ mac }) => mac,
        Flags: ({ flags }) => flagsText(flags),
        OperStatus: ({ operState }) => operState,
        Addresses: ({ addresses }) => addresses,
      },
    }),
    serveSnapshot(nodeAddresses, {
      name: "node-addresses",
      key: ({ address, device }) => `${address}-${device}`,
      indexes: ["Address", "DeviceName"],
      columns: {
        Address: ({ address }) => address,
        NodePort: () => false,
        Primary: ({ primary }) => primary,
        DeviceName: ({ device }) => device,
      },
    }),
    routesTable(),
    serveSnapshot(() => ask((rtnl) => rtnl.neighbors()), {
      name: "neighbors",
      key: ({ ifindex, address }) => `${ifindex}:${address}`,
      indexes: ["LinkIndex", "IPAddr"],
      columns: {
        LinkIndex: ({ ifindex }) => ifindex,
        IPAddr: ({ address }) => address,
        HardwareAddr: ({ mac }) => mac,
        State: ({ state }) => `0x${state.toString(16)}`,
        Flags: ({ flags }) => `0x${flags.toString(16)}`,
      },
    }),
  ];
}

function routesTable(): ServedTable {
  return serveSnapshot(() => ask((rtnl) => rtnl.routes()), {
    name: "routes",
    key: (row) => `${row.table}:${row.ifindex ?? 0}:${row.destination}:${row.metric ?? 0}:${row.gateway ?? ""}`,
    indexes: ["Destination", "LinkIndex", "Table"],
    columns: {
      Destination: (row) => row.destination,
      Source: (row) => row.source,
      Gateway: (row) => row.gateway,
      LinkIndex: (row) => row.ifindex,
      Table: (row) => row.table,
      Scope: (row) => row.scope,
      Type: (row) => row.type,
      MTU: (row) => row.mtu,
      Metric: (row) => row.metric,
    },
  });
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

/** Addresses of the node that others may reach: neither of the loopback device nor of a link alone. */
function nodeAddresses() {
  return devices()
    .filter(({ name }) => name !== "lo")
    .flatMap(({ name: device, addresses }) => {
      const reachable = addresses.filter((address) => !/^fe[89ab]/i.test(address));
      const isFirst = (address: string) =>
        reachable.find((each) => each.includes(":") === address.includes(":")) === address;
      return reachable.map((address) => ({ address, device, primary: isFirst(address) }));
    });
}

function flagsText(flags: number): string {
  const words = flagWords.flatMap(([bit, word]) => ((flags & bit) === 0 ? [] : [word]));
  return words.length === 0 ? "0" : words.join("|");
}

function ask<T>(question: (rtnl: Rtnetlink) => T): T {
  using rtnl = new Rtnetlink();
  return question(rtnl);
}
