// SPDX-License-Identifier: Apache-2.0
// What every test of chaining does with its containers: who reaches whom, what is told of it, what is left.
import assert from "node:assert/strict";
import { join } from "node:path";
import { sandboxPaths } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { Rtnetlink } from "../../src/kernel/index.ts";
import { collect, type Scenario, startReporter } from "../scenarios/harness.ts";
import type { Probe } from "../scenarios/helpers/probe.ts";
import type { StreamReport } from "../scenarios/helpers/stream.ts";
import { Drops } from "./drops.ts";
import type { Container, Network } from "./network.ts";

const helpers = join(import.meta.dirname, "../scenarios/helpers");

/** Clients reach web at one port, and nobody but web and their node. */
export const policies = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress: [{fromEndpoints: [{matchLabels: {app: client}}], toPorts: [{ports: [{port: "7000", protocol: TCP}]}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: client}
spec:
  endpointSelector: {matchLabels: {app: client}}
  egress: [{toEndpoints: [{matchLabels: {app: web}}]}, {toEntities: [host]}]
`;

export const tcp = (ip: string, port = 7000): Probe => ({ protocol: "TCP", ip, port });

/** Asks all questions at once from a container. */
export async function probe(network: Network, from: Container, probes: readonly Probe[]): Promise<boolean[]> {
  const command = [process.execPath, join(helpers, "probe.ts"), JSON.stringify(probes)];
  const { stdout, stderr } = await collect(network.command(from, command));
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout) as boolean[];
}

/** Starts an echo server in a container; disposing ends it. */
export function serve(network: Network, container: Container): AsyncDisposable {
  const server = startReporter<null>(network.command(container, [process.execPath, join(helpers, "echo.ts")]));
  return { [Symbol.asyncDispose]: async () => void (await server.stop().catch(() => null)) };
}

/** Steady traffic; what is lost of it is told in the end. */
export async function stream(network: Network, from: Container, ip: string) {
  const reporter = startReporter<StreamReport>(
    network.command(from, [process.execPath, join(helpers, "stream.ts"), ip]),
  );
  await reporter.flowing;
  return async () => {
    const { connection, connects, datagrams } = await reporter.stop();
    assert.ok(connection.sent > 10);
    return {
      connection: connection.sent - connection.answered,
      connects: connects.sent - connects.answered,
      datagrams,
    };
  };
}

/** Those whom policy allows get answers, in both families; those whom it does not, a drop that names it. */
export async function assertPolicy(
  scenario: Scenario,
  [server, web]: readonly [Network, Container],
  [near, client, other]: readonly [Network, Container, Container],
  serverNode: string,
): Promise<void> {
  using drops = await Drops.watch(scenario, serverNode);
  const probes = web.ips.map((ip) => tcp(ip));
  const all = web.ips.map(() => true);
  await eventually("the server answers", async () => (await probe(near, client, probes)).every(Boolean));
  const closed = web.ips.map((ip) => tcp(ip, 7001));
  const denied = await Promise.all([probe(near, other, probes), probe(near, client, closed)]);
  assert.deepEqual(new Set(denied.flat()), new Set([false]));
  for (const [i, ip] of web.ips.entries()) {
    await drops.between(other.ips[i] ?? "", ip, /Policy denied[\s\S]*ingress default deny by policy default\/web/);
  }
  // The node may always reach its containers.
  assert.deepEqual(await scenario.probeFromNode(serverNode, closed), all);
  const pings = other.ips.map((ip) => ({ protocol: "ICMP" as const, ip }));
  assert.deepEqual(await probe(server, web, pings), all);
}

/** Until the agent knows of no endpoint, and no program of it is left on a device. */
export async function assertNothingLeft(scenario: Scenario, node: string): Promise<void> {
  const { stdout } = await scenario.onNode(node, ["cilium-dbg", "endpoint", "list", "-o", "json"]);
  assert.deepEqual(JSON.parse(stdout), []);
  const { stdout: map } = await scenario.onNode(node, ["cilium-dbg", "bpf", "endpoint", "list", "-o", "json"]);
  const owners = Object.values(JSON.parse(map) as Record<string, readonly string[]>).flat();
  assert.deepEqual([...new Set(owners)], ["(localhost)"]);
}

/** Names of a node's devices. */
export function devices(scenario: Scenario, node: string): string[] {
  using rtnl = new Rtnetlink({ netns: sandboxPaths(scenario.name).node(node).netns });
  return rtnl
    .links()
    .map(({ name }) => name)
    .sort();
}
