// SPDX-License-Identifier: Apache-2.0
// All map wrappers over pinned maps; each is opened when it is first asked for.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { BpfMap } from "../../kernel/index.ts";
import { DatapathError } from "../errors.ts";
import { createConntrackMap } from "./conntrack.ts";
import { createEndpointsMap } from "./endpoints.ts";
import { createFragmentsMap } from "./fragments.ts";
import { createIdentitiesMap } from "./identities.ts";
import { createIpcacheMap } from "./ipcache.ts";
import { createIpmasqMap } from "./ipmasq.ts";
import { createLxcMap } from "./lxc.ts";
import { createMasqueradeDevicesMap } from "./masquerade-devices.ts";
import { createMetricsMap } from "./metrics.ts";
import { type MapName, mapNames, mapPinRoot } from "./names.ts";
import { createNatMap, type NatPart } from "./nat.ts";
import { createNatRetriesMap } from "./nat-retries.ts";
import { createNodesMap } from "./nodes.ts";
import { createPolicyMap } from "./policy.ts";
import { createPolicyHitsMap } from "./policy-hits.ts";
import { createRuntimeConfigMap } from "./runtime-config.ts";
import type { OpenedMaps } from "./types.ts";
import { createUnderlayMap } from "./underlay.ts";

/** Opens pins below `bpfRoot`; without them, using a map throws DatapathError. Disposing closes what was opened. */
export function openPinnedMaps(bpfRoot: string): OpenedMaps {
  return new PinnedMaps(mapPinRoot(bpfRoot));
}

/** The wrappers, with access to the plain maps for this folder's own use. */
export class PinnedMaps implements OpenedMaps {
  readonly #root: string;
  readonly #open = new Map<MapName, BpfMap>();
  readonly #wrappers = new Map<string, unknown>();

  constructor(root: string) {
    this.#root = root;
  }

  /** The plain map; owned by this object. */
  raw(name: MapName): BpfMap {
    const open = this.#open.get(name);
    if (open !== undefined) return open;
    const path = join(this.#root, name);
    if (!existsSync(path)) {
      throw new DatapathError(`Cannot open map "${name}": nothing at ${path} (is the agent running, is it this root?)`);
    }
    const map = BpfMap.openPinned(path);
    this.#open.set(name, map);
    return map;
  }

  get lxc() {
    return this.#once("lxc", () => createLxcMap(this.raw(mapNames.lxc)));
  }
  get endpoints() {
    return this.#once("endpoints", () => createEndpointsMap(this.raw(mapNames.endpoints)));
  }
  get ipcache() {
    return this.#once("ipcache", () => createIpcacheMap(this.raw(mapNames.ipcacheExact), this.raw(mapNames.ipcache)));
  }
  get nodes() {
    return this.#once("nodes", () => createNodesMap(this.raw(mapNames.nodes)));
  }
  get policy() {
    return this.#once("policy", () => createPolicyMap(this.raw(mapNames.policyPeers), this.raw(mapNames.policyPorts)));
  }
  get identities() {
    return this.#once("identities", () => createIdentitiesMap(this.raw(mapNames.identities)));
  }
  get conntrack() {
    return this.#once("conntrack", () =>
      createConntrackMap(() => [
        { map: this.raw(mapNames.ct4Tcp), family: 4, table: "tcp" },
        { map: this.raw(mapNames.ct4Any), family: 4, table: "any" },
        { map: this.raw(mapNames.ct6Tcp), family: 6, table: "tcp" },
        { map: this.raw(mapNames.ct6Any), family: 6, table: "any" },
      ]),
    );
  }
  get nat() {
    return this.#once("nat", () => createNatMap(() => this.#families(mapNames.nat4, mapNames.nat6)));
  }
  get natRetries() {
    return this.#once("natRetries", () =>
      createNatRetriesMap(() => this.#families(mapNames.natRetries4, mapNames.natRetries6)),
    );
  }
  get ipmasq() {
    return this.#once("ipmasq", () => createIpmasqMap(() => this.#families(mapNames.ipmasq4, mapNames.ipmasq6)));
  }
  get masqueradeDevices() {
    return this.#once("masqueradeDevices", () => createMasqueradeDevicesMap(this.raw(mapNames.masqueradeDevices)));
  }
  get fragments() {
    return this.#once("fragments", () =>
      createFragmentsMap(this.raw(mapNames.fragments4), this.raw(mapNames.fragments6)),
    );
  }
  get policyHits() {
    return this.#once("policyHits", () => createPolicyHitsMap(this.raw(mapNames.policyHits)));
  }
  get metrics() {
    return this.#once("metrics", () => createMetricsMap(this.raw(mapNames.metrics), this.raw(mapNames.forwarded)));
  }
  get underlay() {
    return this.#once("underlay", () => createUnderlayMap(this.raw(mapNames.underlay4)));
  }
  get runtimeConfig() {
    return this.#once("runtimeConfig", () => createRuntimeConfigMap(this.raw(mapNames.runtimeConfig)));
  }

  #families(ipv4: MapName, ipv6: MapName): readonly NatPart[] {
    return [
      { map: this.raw(ipv4), family: 4 },
      { map: this.raw(ipv6), family: 6 },
    ];
  }

  #once<T>(key: string, make: () => T): T {
    if (!this.#wrappers.has(key)) this.#wrappers.set(key, make());
    return this.#wrappers.get(key) as T;
  }

  [Symbol.dispose](): void {
    for (const map of this.#open.values()) map.close();
    this.#open.clear();
    this.#wrappers.clear();
  }
}
