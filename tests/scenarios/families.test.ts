// SPDX-License-Identifier: Apache-2.0
// One address family alone, underlay included: through the tunnel, by native routing, with endpoint routes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../../src/core/testing.ts";
import { clientPod, echoPod, Scenario } from "./harness.ts";
import type { Probe } from "./helpers/probe.ts";

const policy = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: guarded}
spec: {endpointSelector: {matchLabels: {app: echo}}, ingress: [{fromEndpoints: [{matchLabels: {who: friend}}]}]}
`;

/** Each by a restart with the pods that are there; and the device that leads to the other node's pods then. */
const modes = [
  ["native routing", { "routing-mode": "native", "auto-direct-node-routes": "true" }, "eth0"],
  ["endpoint routes", { "enable-endpoint-routes": "true" }, "cilium_host"],
] as const;

for (const family of [4, 6] as const) {
  test(`IPv${family} alone: pods have one address, and policy holds on the node and across, in every mode`, async () => {
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
      const probes = ips.flatMap((ip): Probe[] => [
        { protocol: "TCP", ip, port: 7000 },
        { protocol: "UDP", ip, port: 7000 },
        { protocol: "ICMP", ip },
      ]);
      const ask = () => Promise.all(["friend", "stranger"].map((who) => scenario.probe(who, probes)));
      const expected = [true, false].map((answer) => probes.map(() => answer));
      assert.deepEqual(await ask(), expected);
      for (const [name, settings, device] of modes) {
        await scenario.restart(settings);
        await eventually(`${name}: answers`, async () => (await scenario.probe("friend", probes)).every(Boolean));
        assert.deepEqual(await ask(), expected, name);
        const { stdout } = await scenario.onNode("node1", ["ip", "route", "get", ips[1] ?? ""]);
        assert.equal(/ dev (\S+)/.exec(stdout)?.[1], device, name);
      }
    } finally {
      await scenario.delete();
    }
  });
}
