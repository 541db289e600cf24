// SPDX-License-Identifier: Apache-2.0
// Who may reach whom: same and other node × IPv4 and IPv6 × TCP, UDP, ICMP × ingress and egress policy.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { clientPod, echoPod, Scenario } from "./harness.ts";
import type { Probe } from "./helpers/probe.ts";

const clients = ["friend", "stranger", "captive"] as const;
const roles = ["guarded", "narrow", "free", "open"] as const;
const nodes = ["node1", "node2"] as const;
const families = [4, 6] as const;
type Client = (typeof clients)[number] | "host" | "outside";
type Role = (typeof roles)[number];

const policies = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: guarded}
spec:
  endpointSelector: {matchLabels: {role: guarded}}
  ingress: [{fromEndpoints: [{matchLabels: {who: friend}}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: narrow}
spec:
  endpointSelector: {matchLabels: {role: narrow}}
  ingress:
    - fromEndpoints: [{matchLabels: {who: friend}}]
      toPorts: [{ports: [{port: "7000", protocol: TCP}, {port: "7000", protocol: UDP}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: captive}
spec:
  endpointSelector: {matchLabels: {who: captive}}
  egress: [{toEndpoints: [{matchLabels: {role: free}}]}]
`;

/** By the policies above and Cilium's rules: the local host reaches its pods, a remote host and the world are no friends. */
function isAllowed(client: Client, role: Role, probe: Probe, sameNode: boolean): boolean {
  if (client === "captive") return role === "free";
  if (role === "free" || role === "open") return true;
  if (client === "host") return sameNode;
  if (client !== "friend") return false;
  return role === "guarded" || probe.port === 7000;
}

function questions(ip: string): Probe[] {
  return [
    { protocol: "TCP", ip, port: 7000 },
    { protocol: "TCP", ip, port: 7001 },
    { protocol: "UDP", ip, port: 7000 },
    { protocol: "UDP", ip, port: 7001 },
    { protocol: "ICMP", ip },
  ];
}

let scenario: Scenario;
const answers = new Map<string, boolean>();
const keyOf = (client: Client, { protocol, ip, port }: Probe): string => `${client} ${protocol} ${ip} ${port}`;

before(async () => {
  scenario = await Scenario.create("matrix");
  const pods = [
    ...clients.map((name) => clientPod(name, "node1", { who: name })),
    ...roles.flatMap((role) => nodes.map((node) => echoPod(`${role}-${node}`, node, { role }))),
  ];
  await scenario.apply(pods.join(""));
  await scenario.apply(policies);
  const probes = roles.flatMap((role) =>
    nodes.flatMap((node) => families.flatMap((family) => questions(scenario.ip(`${role}-${node}`, family)))),
  );
  const ask = async (client: Client, asked: Promise<boolean[]>): Promise<void> => {
    for (const [i, answered] of (await asked).entries()) answers.set(keyOf(client, probes[i] as Probe), answered);
  };
  for (const client of clients) await ask(client, scenario.probe(client, probes));
  await ask("host", scenario.probeFromNode("node1", probes));
  await ask("outside", scenario.probeFromOutside(probes));
});

after(async () => await scenario?.delete());

for (const client of [...clients, "host", "outside"] as const) {
  for (const role of roles) {
    for (const node of nodes) {
      const where = client === "outside" ? node : node === "node1" ? "the same node" : "the other node";
      test(`${client} asks a pod that is ${role} on ${where}`, () => {
        const wrong: string[] = [];
        for (const probe of families.flatMap((family) => questions(scenario.ip(`${role}-${node}`, family)))) {
          const expected = isAllowed(client, role, probe, node === "node1");
          const actual = answers.get(keyOf(client, probe));
          if (actual !== expected)
            wrong.push(`${probe.protocol} ${probe.ip} ${probe.port ?? ""}: ${actual}, not ${expected}`);
        }
        assert.deepEqual(wrong, []);
      });
    }
  }
}
