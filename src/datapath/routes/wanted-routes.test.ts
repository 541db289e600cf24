// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { wantedRoutes } from "./wanted-routes.ts";

const config = {
  enableIpv4: true,
  enableIpv6: true,
  routerIpv4: "10.1.0.1",
  routerIpv6: "fd00:10:1::1",
  ipv4PodCidr: "10.1.0.0/24",
  ipv6PodCidr: "fd00:10:1::/64",
};
const mtu = { device: 1500, route: 1450 };
const remote = { name: "node2", ipv4PodCidr: "10.2.0.0/24", ipv6PodCidr: "fd00:10:2::/64" };

test("wantedRoutes() has the router, the local pods and the remote pods with the overlay's MTU", () => {
  assert.deepEqual(wantedRoutes(config, mtu, [remote]), [
    { family: 4, destination: "10.1.0.1/32", scope: "link" },
    { family: 4, destination: "10.1.0.0/24", gateway: "10.1.0.1", source: "10.1.0.1", scope: "universe" },
    { family: 4, destination: "10.2.0.0/24", gateway: "10.1.0.1", source: "10.1.0.1", scope: "universe", mtu: 1450 },
    { family: 6, destination: "fd00:10:1::1/128", scope: "link" },
    { family: 6, destination: "fd00:10:1::/64", source: "fd00:10:1::1", scope: "universe" },
    { family: 6, destination: "fd00:10:2::/64", source: "fd00:10:1::1", scope: "universe", mtu: 1450 },
  ]);
});

test("wantedRoutes() leaves out a family that is off", () => {
  const families = wantedRoutes({ ...config, enableIpv6: false }, mtu, [remote]).map((route) => route.family);
  assert.deepEqual(new Set(families), new Set([4]));
});

test("wantedRoutes() never lets a remote node take the local pods' route", () => {
  const thief = { name: "thief", ipv4PodCidr: "10.1.0.0/24" };
  const routes = wantedRoutes(config, mtu, [thief]).filter((route) => route.destination === "10.1.0.0/24");
  assert.deepEqual(
    routes.map((route) => route.mtu),
    [undefined],
  );
});

test("wantedRoutes() gives a node behind a narrow path what passes there, IPv6 never less than 1280 bytes", () => {
  const mtus = (routeMtu: number) =>
    wantedRoutes(config, mtu, [{ ...remote, routeMtu }]).flatMap((route) => route.mtu ?? []);
  assert.deepEqual(mtus(1350), [1350, 1350]);
  assert.deepEqual(mtus(1000), [1000, 1280]);
  assert.deepEqual(mtus(9000), [1450, 1450]);
});
