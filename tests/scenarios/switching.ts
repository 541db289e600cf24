// SPDX-License-Identifier: Apache-2.0
// Two policies that allow and deny the same in different ways, switched again and again under traffic.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { agentClient, nodeOf, podCommand } from "../../apps/sandbox/index.ts";
import { clientPod, echoPod, type Scenario, startReporter } from "./harness.ts";
import type { FloodReport } from "./helpers/flood.ts";

const allowedPort = 7000;
const deniedPort = 7001;

/** Both let the client ask port 7000 of the echo pods and nothing else. */
const variants = [
  {
    ingress: [{ fromEndpoints: [{ matchLabels: { app: "client" } }], ...ports(allowedPort) }],
    egress: [{ toEndpoints: [{ matchLabels: { app: "echo" } }], ...ports(allowedPort) }],
  },
  {
    // Anybody may, but this one is denied by name.
    ingress: [{ fromEntities: ["all"], toPorts: [{ ports: [{ port: "6000", endPort: 7007, protocol: "ANY" }] }] }],
    ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: "client" } }], ...ports(deniedPort) }],
    egress: [ports(allowedPort), { toEndpoints: [{ matchLabels: { app: "echo" } }], ...ports(8000) }],
    egressDeny: [ports(deniedPort)],
  },
];

export interface SwitchReport {
  readonly switches: number;
  readonly allowed: readonly FloodReport[];
  readonly denied: readonly FloodReport[];
}

/** Pods for the traffic: a client on node1, and an echo pod on each node. */
export async function prepareSwitching(scenario: Scenario): Promise<void> {
  const echos = ["node1", "node2"].map((node) => echoPod(`echo-${node}`, node, { app: "echo" }));
  await scenario.apply([clientPod("client", "node1", { app: "client" }), ...echos].join(""));
}

/** Switches node1's policies `count` times under traffic of the client, each once the one before is in the kernel. */
export async function switchPolicies(scenario: Scenario, count: number): Promise<SwitchReport> {
  const client = agentClient(scenario.sandbox, nodeOf(scenario.sandbox, "node1"));
  const put = async (n: number) => {
    const { revision } = await client.putPolicy(policies(variants[n % variants.length] ?? {}));
    await realized(async () => (await client.listEndpoints()).map(({ status }) => status.policy), revision);
  };
  await put(0);
  const targets = [scenario.ip("echo-node1", 4), scenario.ip("echo-node2", 6)];
  const allowed = targets.map((ip) => flood(scenario, ip, allowedPort, "answers"));
  const denied = targets.map((ip) => flood(scenario, ip, deniedPort, "silence"));
  await Promise.all([...allowed, ...denied].map(({ flowing }) => flowing));
  for (let n = 1; n <= count; n++) await put(n);
  const reports = async (floods: readonly ReturnType<typeof flood>[]) => Promise.all(floods.map((one) => one.stop()));
  const report = { switches: count, allowed: await reports(allowed), denied: await reports(denied) };
  await client.deletePolicy();
  return report;
}

type PolicyStatus = { readonly realized: { readonly "policy-revision": number } } | undefined;

/** Waits a minute at most. */
async function realized(policies: () => Promise<readonly PolicyStatus[]>, revision: number): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await policies()).every((policy) => (policy?.realized["policy-revision"] ?? 0) >= revision)) {
    if (performance.now() > end) throw new Error(`Cannot switch policies: revision ${revision} is not realized`);
    await sleep(1);
  }
}

function flood(scenario: Scenario, ip: string, port: number, expect: "answers" | "silence") {
  const command = [process.execPath, join(import.meta.dirname, "helpers/flood.ts"), ip, String(port), expect];
  return startReporter<FloodReport>(podCommand(scenario.sandbox, "default", "client", command));
}

function policies({ ingress, ingressDeny, egress, egressDeny }: Record<string, readonly object[]>): object[] {
  const policy = (name: string, app: string, spec: object) => ({
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: { name },
    spec: { endpointSelector: { matchLabels: { app } }, ...spec },
  });
  return [
    policy("echo", "echo", { ingress, ...(ingressDeny && { ingressDeny }) }),
    policy("client", "client", { egress, ...(egressDeny && { egressDeny }) }),
  ];
}

function ports(port: number): { toPorts: object[] } {
  return { toPorts: [{ ports: [{ port: String(port), protocol: "ANY" }] }] };
}
