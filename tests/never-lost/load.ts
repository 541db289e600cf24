// SPDX-License-Identifier: Apache-2.0
// Requests from eight pods across two nodes, new connections all the time, over both families; and the agents' restart.
import assert from "node:assert/strict";
import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { killAgent, type Sandbox, sandboxPaths, startAgent, waitForAgent } from "../../apps/sandbox/index.ts";
import { clientPod, echoPod, type Scenario } from "../scenarios/harness.ts";

const nodes = ["node1", "node2"];
const clientsPerNode = 4;
const clients = nodes.flatMap((node) =>
  Array.from({ length: clientsPerNode }, (_, i) => ({ node, name: `${node}-${i}` })),
);

/** All of it allowed by rules, so that every new connection asks them. */
const allow = `---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: echo}
spec:
  endpointSelector: {matchLabels: {app: echo}}
  ingress: [{fromEndpoints: [{matchLabels: {app: client}}], toPorts: [{ports: [{port: "7000", protocol: ANY}]}]}]
  egress: [{toEndpoints: [{}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: client}
spec:
  endpointSelector: {matchLabels: {app: client}}
  ingress: [{fromEndpoints: [{matchLabels: {app: nobody}}]}]
  egress: [{toEndpoints: [{matchLabels: {app: echo}}], toPorts: [{ports: [{port: "7000", protocol: ANY}]}]}]
`;

/** Pods and policies for the load. */
export async function prepareLoad(scenario: Scenario): Promise<void> {
  const echos = nodes.map((node) => echoPod(`echo-${node}`, node, { app: "echo" }));
  const pods = clients.map(({ node, name }) => clientPod(name, node, { app: "client" }));
  await scenario.apply([...echos, ...pods].join("") + allow);
  await scenario.linked();
}

export interface LoadReport {
  readonly sent: number;
  readonly failed: number;
  /** Milliseconds. */
  readonly longestGap: number;
}

/** Half of the clients ask the other node, half IPv6. */
export function startLoad(scenario: Scenario): { stop: () => Promise<LoadReport> } {
  const streams = clients.map(({ node }, index) => {
    const other = nodes.find((candidate) => candidate !== node) ?? node;
    const target = `echo-${index % 2 === 0 ? node : other}`;
    return scenario.stream(clients[index]?.name ?? "", scenario.ip(target, index % 4 < 2 ? 4 : 6));
  });
  return {
    stop: async () => {
      const reports = await Promise.all(streams.map((stream) => stream.stop()));
      const parts = reports.flatMap(({ connection, connects, datagrams }) => [connection, connects, datagrams]);
      const sum = (pick: (part: { sent: number; answered: number }) => number) =>
        parts.reduce((total, part) => total + pick(part), 0);
      for (const { connects } of reports)
        assert.ok(connects.sent > 5, `too little traffic: ${JSON.stringify(reports)}`);
      return {
        sent: sum(({ sent }) => sent),
        failed: sum(({ sent, answered }) => Math.abs(sent - answered)),
        longestGap: Math.max(...reports.map(({ connection }) => connection.longestGap)),
      };
    },
  };
}

/** Kill -9 of all agents, and start again with these settings, `downMs` later. Returns when all are well. */
export async function restartAgents(
  sandbox: Sandbox,
  options: {
    readonly downMs?: number;
    readonly settings?: Readonly<Record<string, string>>;
    readonly newBuild?: boolean;
  } = {},
): Promise<void> {
  for (const node of sandbox.nodes) assert.ok(await killAgent(sandbox, node));
  await sleep(options.downMs ?? 0);
  const changed = { ...sandbox, settings: { ...sandbox.settings, ...options.settings } };
  for (const node of sandbox.nodes) {
    if (options.newBuild === true) forgetBuild(sandboxPaths(sandbox.name).node(node.name).bpf);
    startAgent(changed, node);
  }
  await Promise.all(sandbox.nodes.map((node) => waitForAgent(sandbox, node)));
}

/** The agent takes what is loaded for that of other objects, and has to load and replace all programs. */
function forgetBuild(bpf: string): void {
  const root = join(bpf, "cilium/programs");
  for (const name of readdirSync(root)) {
    if (!name.startsWith("other")) renameSync(join(root, name), join(root, `other${name}`));
  }
}
