// SPDX-License-Identifier: Apache-2.0
// One address family alone, underlay included.
import assert from "node:assert/strict";
import { test } from "node:test";
import { clientPod, echoPod, Scenario } from "./harness.ts";

const policy = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: guarded}
spec: {endpointSelector: {matchLabels: {app: echo}}, ingress: [{fromEndpoints: [{matchLabels: {who: friend}}]}]}
`;

for (const family of [4, 6] as const) {
  test(`IPv${family} alone: pods have one address, and policy holds on the node and across`, async () => {
    const scenario = await Scenario.create(`ipv${family}`, { ipv4: family === 4, ipv6: family === 6 });
    try {
      const clients = ["friend", "stranger"].map((who) => clientPod(who, "node1", { who }));
      const echos = ["node1", "node2"].map((node) => echoPod(`echo-${node}`, node, { app: "echo" }));
      await scenario.apply([...clients, ...echos].join(""));
      await scenario.apply(policy);
      assert.deepEqual(
        scenario.pods().map((pod) => pod.ips.length),
        [1, 1, 1, 1],
      );
      const ips = ["echo-node1", "echo-node2"].map((pod) => scenario.ip(pod, family));
      const probes = ips.flatMap((ip) => [
        { protocol: "TCP" as const, ip, port: 7000 },
        { protocol: "UDP" as const, ip, port: 7000 },
        { protocol: "ICMP" as const, ip },
      ]);
      const [friend, stranger] = await Promise.all(["friend", "stranger"].map((who) => scenario.probe(who, probes)));
      assert.deepEqual(
        friend,
        probes.map(() => true),
      );
      assert.deepEqual(
        stranger,
        probes.map(() => false),
      );
    } finally {
      await scenario.delete();
    }
  });
}
