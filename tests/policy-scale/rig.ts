// SPDX-License-Identifier: Apache-2.0
// The policy engine and the endpoint manager as the agent joins them, over real policy and endpoint maps.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import {
  ENDPOINT_CONFIG_SIZE,
  POLICY_ENTRY_SIZE,
  POLICY_PEER_KEY_SIZE,
  POLICY_PEER_SIZE,
  POLICY_PORT_KEY_SIZE,
} from "../../src/abi/index.ts";
import { type Labels, systemClock } from "../../src/core/index.ts";
import { createEndpointsMap, createPolicyMap, type LxcRow, type PolicyMap } from "../../src/datapath/index.ts";
import { createEndpointManager, createEndpointTable, type EndpointManager } from "../../src/endpoint/index.ts";
import { agentDefaults } from "../../src/endpoint/testing.ts";
import { BpfMap } from "../../src/kernel/index.ts";
import { PolicyEngine, type PolicyEngineOptions } from "../../src/policy/index.ts";

const BPF_F_NO_PREALLOC = 1;

/** A node without pods: endpoints are rows and slots. Dispose it. */
export class Rig implements AsyncDisposable {
  readonly engine: PolicyEngine;
  readonly manager: EndpointManager;
  readonly table = createEndpointTable();
  readonly policyMap: PolicyMap;
  readonly maps: Readonly<Record<"peers" | "ports" | "endpoints", BpfMap>>;
  readonly #identities = new Map<string, number>();
  readonly #directory = mkdtempSync(join(tmpdir(), "policy-scale-"));
  readonly #stop = new AbortController();

  constructor(capacity = 262_144, options: PolicyEngineOptions = {}) {
    const hash = (name: string, keySize: number, valueSize: number, flags = 0) =>
      BpfMap.create({ type: "hash", keySize, valueSize, maxEntries: capacity, flags, name });
    const peers = hash("cilium_policy_v2_peers", POLICY_PEER_KEY_SIZE, POLICY_PEER_SIZE);
    const ports = hash("cilium_policy_v2_ports", POLICY_PORT_KEY_SIZE, POLICY_ENTRY_SIZE, BPF_F_NO_PREALLOC);
    const endpoints = BpfMap.create({ type: "array", keySize: 4, valueSize: ENDPOINT_CONFIG_SIZE, maxEntries: 65_536 });
    this.maps = { peers, ports, endpoints };
    this.policyMap = createPolicyMap(peers, ports);
    this.engine = new PolicyEngine(options);
    this.manager = this.#makeManager();
    this.engine.onAffected(({ identities }) => this.manager.regenerate(identities));
  }

  #makeManager(): EndpointManager {
    const addresses = new Map<string, LxcRow>();
    const lxc = {
      upsertMany: (rows: readonly LxcRow[]) => {
        for (const row of rows) addresses.set(row.address, row);
      },
      deleteMany: (keys: readonly { readonly address: string }[]) =>
        keys.filter(({ address }) => addresses.delete(address)).length,
      list: () => [...addresses.values()],
    };
    const attached = new Set<number>();
    return createEndpointManager(
      {
        endpoints: this.table,
        datapath: {
          maps: {
            ...{ lxc, policy: this.policyMap, endpoints: createEndpointsMap(this.maps.endpoints) },
            runtimeConfig: { setOwnMonitors: () => {} },
          },
          expectEndpoints: () => {},
          attachEndpoint: async ({ id }) => void attached.add(id),
          ensureEndpointAttached: async ({ id }) => attached.size === attached.add(id).size,
          detachEndpoint: async (id) => void attached.delete(id),
          attachedEndpoints: () => [...attached],
        },
        allocator: {
          allocate: async (labels: Labels) => ({
            id: this.#identities.get(labels.canonical) ?? 0,
            labels,
            source: "memory",
          }),
          release: async () => true,
        },
        addresses: { take: () => {}, release: () => {} },
        announcer: { announce: () => {}, withdraw: () => {} },
        resolvePolicy: (labels, identity) => this.engine.resolveEndpoint(labels, identity),
        policyOf: (cookie) => this.engine.ruleOf(cookie)?.policy,
        deviceExists: () => true,
        clock: systemClock,
      },
      { ...agentDefaults, directory: this.#directory },
    );
  }

  /** Makes endpoints known, one for each; they are resolved when `open` lets them. */
  async addEndpoints(subjects: Iterable<{ readonly id: number; readonly labels: Labels }>): Promise<void> {
    let number = this.table.size;
    for (const { id, labels } of subjects) {
      number++;
      this.#identities.set(labels.canonical, id);
      this.manager.create({
        ...{ containerId: `c${number}`, containerInterfaceName: "eth0", netnsPath: "" },
        ...{ interfaceName: `lxc${number}`, ifindex: number, mac: "02:00:00:00:00:01", nodeMac: "02:00:00:00:00:02" },
        ...{
          ipv4: `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`,
          podNamespace: "",
          podName: `p${number}`,
        },
        labels,
      });
    }
    while ([...this.table.all()].some(({ phase }) => phase !== "active")) await turn();
  }

  /** Call first. */
  async start(): Promise<void> {
    await this.manager.start(this.#stop.signal);
  }

  /** From now on the maps are written. */
  open(): void {
    this.manager.open();
  }

  /** Resolves when the maps hold what all rows want. Throws when one cannot be written. */
  async settled(): Promise<void> {
    for (;;) {
      await turn();
      const rows = [...this.table.all()];
      const failed = rows.find(({ status }) => status.kind === "error")?.status;
      if (failed?.kind === "error") throw new Error(failed.error);
      if (
        rows.every(({ status, phase, policy }) => phase === "active" && status.kind === "done" && policy !== undefined)
      )
        return;
    }
  }

  /** Milliseconds until the maps hold what a change wants. */
  async timed(change: () => void): Promise<number> {
    const start = performance.now();
    change();
    await this.settled();
    return performance.now() - start;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.manager.stop?.();
    for (const map of Object.values(this.maps)) map.close();
    rmSync(this.#directory, { recursive: true });
  }
}
