// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { computeMtu, underlayMtu } from "./mtu.ts";

test("computeMtu() takes 50 bytes for an IPv4 underlay and 70 for IPv6", () => {
  assert.deepEqual(computeMtu(1500, 4, true), { device: 1500, route: 1450 });
  assert.deepEqual(computeMtu(1500, 6, true), { device: 1500, route: 1430 });
});

test("computeMtu() refuses what leaves IPv6 less than 1280 bytes", () => {
  assert.throws(() => computeMtu(1329, 4, true), { message: /pods would have 1279 bytes \(set at least 1330\)/ });
  assert.equal(computeMtu(1329, 4, false).route, 1279);
});

test("underlayMtu() asks the device that holds the node's address", () => {
  const view = {
    links: [
      { ifindex: 1, mtu: 65536 },
      { ifindex: 2, mtu: 9000 },
    ],
    addresses: [
      { ifindex: 1, address: "127.0.0.1" },
      { ifindex: 2, address: "192.0.2.1" },
    ],
  };
  assert.equal(underlayMtu(view, ["192.0.2.1"]), 9000);
  assert.throws(() => underlayMtu(view, ["192.0.2.9"]), { message: /no device holds 192.0.2.9/ });
  assert.throws(() => underlayMtu(view, []), { message: /none is configured/ });
});
