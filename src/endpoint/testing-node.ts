// SPDX-License-Identifier: Apache-2.0
// For tests: a manager with everything that it needs in memory, which can be started again.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { FakeClock, Labels } from "../core/index.ts";
import type { ResolvedEndpointPolicy } from "./deps.ts";
import { createEndpointManager, type EndpointManager } from "./manager.ts";
import { createEndpointTable } from "./table.ts";
import {
  agentDefaults,
  allow,
  MemoryAddresses,
  MemoryAnnouncer,
  MemoryDatapath,
  MemoryIdentities,
  peerPorts,
} from "./testing.ts";
import type { CreateEndpoint, EndpointRow } from "./types.ts";

export const web = Labels.parse(["k8s:app=web"]);
export const db = Labels.parse(["k8s:app=db"]);
const nothing = peerPorts([]);
export const open: ResolvedEndpointPolicy = {
  ...{ revision: 1, ingressEnforced: false, egressEnforced: false },
  peers: { ingress: nothing, egress: nothing },
};
export const closed = (...ports: number[]): ResolvedEndpointPolicy => ({
  ...{ revision: 2, ingressEnforced: true, egressEnforced: false },
  peers: { ingress: peerPorts(ports.map((port) => allow(300, port))), egress: nothing },
});

export function request(n: number, labels = web): CreateEndpoint {
  return {
    ...{ containerId: `c${n}`, containerInterfaceName: "eth0", netnsPath: `/run/netns/n${n}` },
    ...{ interfaceName: `lxc${n}`, ifindex: 100 + n, mac: "02:00:00:00:00:01", nodeMac: "02:00:00:00:00:02" },
    ...{ ipv4: `10.1.0.${n}`, ipv6: `fd00::${n}`, podNamespace: "default", podName: `p${n}`, labels },
  };
}

/** The endpoints' part of an agent on a kernel in memory. */
export class Node {
  readonly directory: string;
  readonly datapath = new MemoryDatapath();
  readonly identities = new MemoryIdentities();
  readonly devices = new Set<string>();
  /** By the canonical labels of the identity; default `open`. */
  readonly policies = new Map<string, ResolvedEndpointPolicy | Error>();
  resolved: [string, number][] = [];
  auditMode = false;
  clock = new FakeClock();
  addresses = new MemoryAddresses();
  announcer = new MemoryAnnouncer();
  table = createEndpointTable();
  manager: EndpointManager;
  #stop = new AbortController();

  constructor(directory: string) {
    this.directory = directory;
    this.manager = this.#make();
  }

  #make(): EndpointManager {
    return createEndpointManager(
      {
        endpoints: this.table,
        datapath: this.datapath,
        allocator: this.identities,
        addresses: this.addresses,
        announcer: this.announcer,
        resolvePolicy: (labels, identity) => {
          this.resolved.push([labels.canonical, identity]);
          const policy = this.policies.get(labels.canonical) ?? open;
          if (policy instanceof Error) throw policy;
          return policy;
        },
        policyOf: (cookie) => (cookie === 0 ? undefined : `default/rule${cookie}`),
        deviceExists: ({ interfaceName, ifindex }) => this.devices.has(`${interfaceName} ${ifindex}`),
        clock: this.clock,
      },
      { ...agentDefaults, directory: this.directory, auditMode: { on: this.auditMode } },
    );
  }

  /** Starts the agent's part again on the same kernel and folder. */
  async restart(): Promise<void> {
    await this.stop();
    this.#stop = new AbortController();
    this.identities.references.clear();
    this.addresses = new MemoryAddresses();
    this.announcer = new MemoryAnnouncer();
    this.table = createEndpointTable();
    this.manager = this.#make();
    this.datapath.takeWrites();
    await this.start();
  }

  async start(): Promise<void> {
    await this.manager.start(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.manager.stop?.();
  }

  create(n: number, labels = web): EndpointRow {
    this.devices.add(`lxc${n} ${100 + n}`);
    const row = this.manager.create(request(n, labels));
    for (const address of [row.ipv4, row.ipv6]) this.addresses.owners.set(address ?? "", `default/p${n}`);
    return row;
  }

  async ready(n: number, labels = web): Promise<EndpointRow> {
    const { id } = this.create(n, labels);
    await this.until(() => this.stateOf(id) === "active done", `endpoint ${id} is ready`);
    return this.row(id);
  }

  row(id: number): EndpointRow {
    const row = this.table.get(id);
    assert.ok(row !== undefined, `endpoint ${id} is there`);
    return row;
  }

  stateOf(id: number): string {
    const row = this.table.get(id);
    return row === undefined ? "gone" : `${row.phase} ${row.status.kind}`;
  }

  /** A new policy for all with these labels, and its realization. */
  change(labels: Labels, policy: ResolvedEndpointPolicy | Error): void {
    this.policies.set(labels.canonical, policy);
    this.manager.regenerate([this.identities.idOf(labels)]);
  }

  async settled(): Promise<void> {
    for (let n = 0; n < 20; n++) await turn();
  }

  /** Lets as much time pass as old sets stay in the kernel. */
  async collected(): Promise<void> {
    for (let second = 0; second < 3; second++) {
      this.clock.advance(1000);
      await this.settled();
    }
  }

  async until(check: () => boolean, what: string): Promise<void> {
    for (const end = performance.now() + 30_000; performance.now() < end; await turn()) {
      if (check()) return;
    }
    assert.fail(`Not within 30 s: ${what}`);
  }
}

/** A started node, gone when the test ends. */
export async function node(t: TestContext, options: { closed?: boolean } = {}): Promise<Node> {
  const directory = mkdtempSync(join(tmpdir(), "manager-"));
  const made = new Node(directory);
  t.after(async () => {
    await made.stop();
    rmSync(directory, { recursive: true });
  });
  await made.start();
  if (options.closed !== true) made.manager.open();
  return made;
}
