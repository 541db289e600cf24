// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeRow } from "../../../src/node/index.ts";
import { toNodeModel } from "./node-model.ts";

const row: NodeRow = {
  ...{ name: "n1", cluster: "c", clusterId: 0, encryptionKey: 0, labels: {}, source: "kvstore", bootId: "" },
  addresses: [
    { type: "CiliumInternalIP", ip: "10.0.1.1" },
    { type: "InternalIP", ip: "192.0.2.1" },
    { type: "InternalIP", ip: "192.0.2.9" },
    { type: "ExternalIP", ip: "2001:db8::1" },
  ],
  ...{ ipv4PodCidr: "10.0.1.0/24", ipv6PodCidr: "fd00:1::/112", ipv4HealthIp: "10.0.1.7" },
};

test("a node's first addresses are its primary ones, the machine's others secondary ones", () => {
  assert.deepEqual(toNodeModel(row), {
    name: "c/n1",
    "primary-address": {
      ipv4: { enabled: true, ip: "192.0.2.1", "alloc-range": "10.0.1.0/24" },
      ipv6: { enabled: true, "alloc-range": "fd00:1::/112" },
    },
    "secondary-addresses": [
      { ip: "192.0.2.9", "address-type": "InternalIP" },
      { ip: "2001:db8::1", "address-type": "ExternalIP" },
    ],
    "health-endpoint-address": { ipv4: { enabled: true, ip: "10.0.1.7" } },
    source: "kvstore",
  });
  const { ipv4HealthIp: _, ipv4PodCidr: __, ipv6PodCidr: ___, ...bare } = row;
  assert.deepEqual(toNodeModel({ ...bare, addresses: [] }), { name: "c/n1", "primary-address": {}, source: "kvstore" });
});
