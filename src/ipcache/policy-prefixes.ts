// SPDX-License-Identifier: Apache-2.0
// What stands for the prefixes that policies speak of: labels for an identity of this node's own, and an ipcache entry.
import { type Cidr, hostCidr, type Label, Labels, makeLabel, parseCidr } from "../core/index.ts";
import { reservedNames } from "../identity/index.ts";
import { worldIdentity } from "./node-entries.ts";
import { PrefixSet } from "./prefix-set.ts";
import type { IpcacheEntry } from "./types.ts";

export interface PrefixLabelsOptions {
  /** The families that are on. */
  readonly families: readonly (4 | 6)[];
  /** The label by which policy knows a prefix. */
  readonly label: (cidr: Cidr) => Label;
}

/** What there is beside the prefixes of policies. */
export interface PrefixSurroundings {
  /** Prefixes of pods, of this node and of others: what lies inside is no address outside of the cluster. */
  readonly podPrefixes: readonly string[];
  /** Addresses that serve the kube-apiserver and are no node's. */
  readonly apiServers?: Iterable<string>;
}

/** Labels of the prefixes that addresses outside of the cluster may have. What is asked again costs a look-up a prefix. */
export class PrefixLabels {
  readonly #options: PrefixLabelsOptions;
  /** By prefix; undefined for those that stand for nobody outside. */
  #known = new Map<string, Labels | undefined>();
  #pods = new PrefixSet([]);
  #podsText = "";

  constructor(options: PrefixLabelsOptions) {
    this.#options = options;
  }

  /** Labels by prefix, of those that stand for addresses outside. */
  of(
    prefixes: ReadonlyMap<string, Cidr>,
    { podPrefixes, apiServers = [] }: PrefixSurroundings,
  ): ReadonlyMap<string, Labels> {
    this.#reset(podPrefixes, prefixes.size);
    const found = new Map<string, Labels>();
    for (const [prefix, cidr] of prefixes) {
      const labels = this.#labelsOf(prefix, cidr);
      if (labels !== undefined) found.set(prefix, labels);
    }
    for (const ip of apiServers) {
      const prefix = hostCidr(ip);
      const labels = this.#labelsOf(prefix, parseCidr(prefix));
      if (labels !== undefined) found.set(prefix, labels.with([makeLabel("reserved", "kube-apiserver")]));
    }
    return found;
  }

  #reset(podPrefixes: readonly string[], size: number): void {
    const text = podPrefixes.join();
    if (text === this.#podsText && this.#known.size <= 2 * size + 1024) return;
    this.#known = new Map();
    this.#pods = new PrefixSet(podPrefixes);
    this.#podsText = text;
  }

  #labelsOf(prefix: string, cidr: Cidr): Labels | undefined {
    if (!this.#known.has(prefix)) this.#known.set(prefix, this.#make(prefix, cidr));
    return this.#known.get(prefix);
  }

  #make(prefix: string, cidr: Cidr): Labels | undefined {
    const { families, label } = this.#options;
    if (!families.includes(cidr.family) || this.#pods.covers(cidr)) return undefined;
    const world = reservedNames.get(worldIdentity(prefix, families.length > 1)) ?? "world";
    return Labels.of([label(cidr), makeLabel("reserved", world)]);
  }
}

/** The entry of such a prefix, at the lowest rank: what is known about pods and nodes counts more. */
export function prefixEntry(prefix: string, identity: number): IpcacheEntry {
  return { prefix, identity, encryptKey: 0, skipTunnel: false, remoteCluster: false, source: "generated" };
}
