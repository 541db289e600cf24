// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { testConfig } from "../testing.ts";
import { NodeRoutes } from "./node-routes.ts";

const node = {
  ...{ name: "node2", ipv4: "192.0.2.2", ipv6: "fd00:31::2" },
  ...{ ipv4PodCidr: "10.2.0.0/24", ipv6PodCidr: "fd00:10:2::/64" },
};
const cases = [
  { destination: "10.2.0.0/24", gateway: "192.0.2.2" },
  { destination: "fd00:10:2::/64", gateway: "fd00:31::2" },
  { destination: "10.3.0.0/24", gateway: "192.0.2.2" },
  { destination: "10.2.0.0/24", gateway: "192.0.2.9" },
  { destination: "10.9.0.0/24", gateway: "192.0.2.9" },
  { destination: "0.0.0.0/0", gateway: "192.0.2.254" },
  { destination: "10.9.0.0/24", gateway: undefined },
];

test("routes over nodes, or in the place of such, concern the node's routes; those over other gateways do not", () => {
  const routes = new NodeRoutes({ ...testConfig("/bpf"), routingMode: "native", autoDirectNodeRoutes: true });
  const concern = () => cases.map((route) => routes.concerns(route));
  const none = cases.map(() => false);
  assert.deepEqual(concern(), none);
  routes.setNodes([node]);
  assert.deepEqual(concern(), [true, true, true, true, false, false, false]);
  routes.setNodes([]);
  assert.deepEqual(concern(), none);
});

test("without routes over nodes none concerns them, but for those of this node's pods", () => {
  const routes = new NodeRoutes({ ...testConfig("/bpf"), routingMode: "native" });
  routes.setNodes([node]);
  assert.ok(cases.every((route) => !routes.concerns(route)));
  assert.ok(routes.concerns({ destination: "fd00:10:1::/64", gateway: undefined }));
});
