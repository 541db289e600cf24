// SPDX-License-Identifier: Apache-2.0
// What a change of one node costs beside thousands of others.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetlinkEvent, Route, RouteSpec } from "../../kernel/index.ts";
import { ObjectStatus } from "../object-status.ts";
import { ensureDirectRoutes, wantedDirectRoutes } from "./direct-routes.ts";
import { Ways } from "./ways.ts";

const anyRoute: Omit<Route, "destination"> = {
  family: 4,
  table: 254,
  protocol: 2,
  type: "unicast",
  scope: "universe",
  metric: 0,
  onlink: false,
  gateway: undefined,
  ifindex: undefined,
  source: undefined,
  mtu: undefined,
};
const route = (fields: Partial<Route> & { readonly destination: string }): Route => ({ ...anyRoute, ...fields });
const told = (fields: Partial<Route> & { readonly destination: string }): NetlinkEvent => ({
  ...{ kind: "route", change: "new" },
  route: route(fields),
});

/** A table of routes that counts what it is asked. */
class CountedRoutes {
  readonly table = new Map<string, Route>();
  readonly asked: string[] = [];
  dumps = 0;

  routes(): Route[] {
    this.dumps++;
    return [...this.table.values()];
  }

  routeTo(destination: string): Route {
    this.asked.push(destination);
    return route({ destination, ifindex: 7 });
  }

  replaceRoute({ destination, gateway = "", ifindex = 0 }: RouteSpec): void {
    this.table.set(destination, route({ destination, gateway, ifindex }));
  }

  deleteRoute({ destination }: RouteSpec): boolean {
    return this.table.delete(destination);
  }
}

test("many nodes are asked for once each, and one more later asks for one; each look lists routes once", () => {
  const config = { enableIpv4: true, enableIpv6: false, routingMode: "native", autoDirectNodeRoutes: true } as const;
  const node = (i: number) => ({ name: `n${i}`, ipv4: `192.0.${i >> 8}.${i & 255}`, ipv4PodCidr: `10.${i}.0.0/24` });
  const nodes = Array.from({ length: 200 }, (_, i) => node(i));
  const kernel = new CountedRoutes();
  const ways = new Ways();
  const look = () => {
    const wanted = wantedDirectRoutes(config, nodes);
    ensureDirectRoutes(kernel, new ObjectStatus(() => {}), config, { wanted, ways, prune: true });
  };
  look();
  assert.deepEqual([kernel.dumps, kernel.asked.length, kernel.table.size], [1, 200, 200]);
  nodes.push(node(200));
  look();
  assert.deepEqual([kernel.dumps, kernel.asked.slice(200), kernel.table.size], [2, ["192.0.0.200"], 201]);
  ways.age();
  look();
  assert.equal(kernel.asked.length, 402);
});

const ours = (destination: string) => destination === "10.2.0.0/24";
const link = (ifindex: number) => ({ kind: "link", change: "new", link: { ifindex } }) as NetlinkEvent;
const address = (text: string) => ({ kind: "address", change: "new", address: { address: text } }) as NetlinkEvent;
const events: readonly { readonly name: string; readonly event: NetlinkEvent; readonly changes: boolean }[] = [
  { name: "events that were lost", event: { kind: "resync" }, changes: true },
  { name: "the device that nodes are behind", event: link(7), changes: true },
  { name: "a device of a pod", event: link(8), changes: false },
  { name: "an address of the node", event: address("192.0.2.9"), changes: true },
  { name: "an address that each device has", event: address("fe80::1"), changes: false },
  { name: "a route to a network", event: told({ destination: "192.0.2.0/25" }), changes: true },
  { name: "a route to the node itself", event: told({ destination: "192.0.2.2/32" }), changes: true },
  { name: "a pod's route", event: told({ destination: "10.1.0.7/32" }), changes: false },
  { name: "a route of ours over a node", event: told({ destination: "10.2.0.0/24" }), changes: false },
  { name: "a network that each device has", event: told({ destination: "fe80::/64" }), changes: false },
];
for (const { name, event, changes } of events) {
  test(`${changes ? "asks again after" : "keeps its answers over"} ${name}`, () => {
    const kernel = new CountedRoutes();
    const ways = new Ways();
    for (const _ of [1, 2]) {
      ways.to(kernel, "192.0.2.2");
      ways.hear(event, ours);
    }
    assert.equal(kernel.asked.length, changes ? 2 : 1);
  });
}
