// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { mapSizes, nodeConstants } from "./node-values.ts";

test("nodeConstants() names the world by family on a dual-stack node only", () => {
  const dual = nodeConstants({ enableIpv4: true, enableIpv6: true }, { tunnelIfindex: 7 });
  assert.deepEqual([dual["world_ipv4_identity"], dual["world_ipv6_identity"], dual["tunnel_ifindex"]], [9, 10, 7]);
  const single = nodeConstants({ enableIpv4: true, enableIpv6: false }, { tunnelIfindex: 7 });
  assert.deepEqual([single["world_ipv4_identity"], single["enable_ipv6"]], [2, 0]);
});

test("nodeConstants() takes the time-outs that are given and Cilium's for the rest", () => {
  const values = nodeConstants({ enableIpv4: true, enableIpv6: true, ctTimeouts: { tcpSyn: 5 } }, { tunnelIfindex: 1 });
  assert.deepEqual([values["ct_syn_timeout"], values["ct_tcp_timeout"], values["ct_any_timeout"]], [5, 8000, 60]);
});

test("mapSizes() gives both families and both kinds of a map their size, and little to one that nobody asks", () => {
  const masquerade = { ipv4: true, ipv6: false };
  const sizes = mapSizes({ ctTcpMax: 1, ctAnyMax: 2, natMax: 5000, policyMapMax: 3, ipcacheMax: 4, masquerade });
  assert.deepEqual(sizes, {
    cilium_ct4_global: 1,
    cilium_ct6_global: 1,
    cilium_ct_any4_global: 2,
    cilium_ct_any6_global: 2,
    cilium_snat_v4_external: 5000,
    cilium_snat_v6_external: 1024,
    cilium_policy_v2_peers: 3,
    cilium_policy_v2_ports: 3,
    cilium_ipcache_v2: 4,
    cilium_ipcache_exact: 4,
  });
});
