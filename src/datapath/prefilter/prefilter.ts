// SPDX-License-Identifier: Apache-2.0
// The prefilter of a node: lists of denied sources, changed by revision, in force before the kernel sees a packet.
import { createLogger, type Family, toError } from "../../core/index.ts";
import { Rtnetlink } from "../../kernel/index.ts";
import { ensureBpffs } from "../bpffs.ts";
import { physicalDevices } from "../devices/physical.ts";
import { DatapathError, datapathError } from "../errors.ts";
import { watchKernel } from "../watcher.ts";
import { PrefilterMaps } from "./prefilter-maps.ts";
import { keyFamily, type PrefixKey, type PrefixList, prefixKey } from "./prefix-list.ts";
import { PrefilterProgram, type PrefilterProgramConfig } from "./program.ts";
import { loadLists, type PrefilterLists, saveLists } from "./state-file.ts";

const BEAT = 2000;
const GATHER = 50;

export interface PrefilterConfig extends PrefilterProgramConfig {
  /** File that keeps the lists. */
  readonly stateFile: string;
  /** Names; empty: those with a node address or a default route. */
  readonly devices: readonly string[];
  /** Of this node on the underlay. */
  readonly nodeAddresses: readonly string[];
}

/** The list has changed since the caller looked. */
export class PrefilterRevisionError extends DatapathError {}

export class Prefilter {
  readonly #config: PrefilterConfig;
  readonly #log = createLogger("prefilter");
  #lists: PrefilterLists | undefined;
  /** Why the lists could not be read. */
  #unreadable: Error | undefined;
  #program: PrefilterProgram | undefined;
  #maps: PrefilterMaps | undefined;
  #watch: Disposable | undefined;
  #devices: readonly string[] = [];
  #failed: ReadonlyMap<string, Error> = new Map();

  constructor(config: PrefilterConfig) {
    this.#config = config;
  }

  /** Takes over what an earlier run left: it has been in force all the time. */
  start(): void {
    ensureBpffs(this.#config.bpfRoot);
    this.#program = PrefilterProgram.load(this.#config);
    this.#maps = new PrefilterMaps(this.#program.maps);
    try {
      this.#lists = loadLists(this.#config.stateFile);
      if (!this.#maps.holds(this.#lists.revision)) replaceTables(this.#maps, this.#lists);
    } catch (error) {
      this.#unreadable = toError(error);
      this.#log.error("Cannot take the prefilter's lists over", { error });
    }
    this.#keep();
    const keep = () => this.#keep();
    const options = { relevant: () => true, onChange: keep, onBeat: keep, beat: BEAT, gather: GATHER };
    this.#watch = watchKernel(options);
  }

  /** Ends watching; programs and tables stay. */
  stop(): void {
    this.#watch?.[Symbol.dispose]();
    this.#program?.[Symbol.dispose]();
    this.#program = undefined;
    this.#maps = undefined;
  }

  get revision(): number {
    return this.#current().revision;
  }

  /** Devices that it is on. */
  get devices(): readonly string[] {
    return this.#devices.filter((device) => !this.#failed.has(device));
  }

  /** The first thing that is not as it should be. */
  get failure(): Error | undefined {
    const [first] = this.#failed.values();
    if (this.#unreadable !== undefined || first !== undefined) return this.#unreadable ?? first;
    return this.#devices.length === 0 ? new DatapathError("Cannot find a device for the prefilter") : undefined;
  }

  /** What is denied, IPv4 first, in order. */
  *denied(): Generator<string> {
    const { ipv4, ipv6 } = this.#current();
    yield* ipv4.texts();
    yield* ipv6.texts();
  }

  /**
   * Denies more, or with `remove` less; all of them or, when one is no prefix (FormatError) or is not denied, none. A
   * `revision` other than 0 has to be the current one. Returns how many prefixes were given.
   */
  change(revision: number, cidrs: readonly string[], { remove }: { readonly remove: boolean }): number {
    const before = this.#current();
    if (revision !== 0 && revision !== before.revision) {
      const now = `the list is at revision ${before.revision}`;
      throw new PrefilterRevisionError(`Cannot change prefilter at revision ${revision}: ${now} (look at it again)`);
    }
    const keys = new Map(cidrs.map((cidr) => [prefixKey(cidr), cidr]));
    const changed = new Set<PrefixKey>();
    for (const [key, cidr] of keys) {
      const known = before[keyFamily(key) === 4 ? "ipv4" : "ipv6"].has(key);
      if (remove && !known) throw new DatapathError(`Cannot delete prefilter entry "${cidr}": it is not in the list`);
      if (remove === known) changed.add(key);
    }
    this.#apply(before, changed, remove);
    return keys.size;
  }

  #apply(before: PrefilterLists, changed: ReadonlySet<PrefixKey>, remove: boolean): void {
    const none: ReadonlySet<PrefixKey> = new Set();
    const split = (family: Family) => new Set([...changed].filter((key) => keyFamily(key) === family));
    const next = (list: PrefixList, keys: ReadonlySet<PrefixKey>) =>
      keys.size === 0 ? list : remove ? list.change(none, keys) : list.change(keys, none);
    const [changed4, changed6] = [split(4), split(6)];
    const revision = (before.revision % 0xffffffff) + 1;
    const after = { revision, ipv4: next(before.ipv4, changed4), ipv6: next(before.ipv6, changed6) };
    const maps = this.#running();
    try {
      maps.write(revision, () => {
        maps.change(before.ipv4, after.ipv4, changed4);
        maps.change(before.ipv6, after.ipv6, changed6);
      });
      // Last: whoever ends the agent before gets the list that the caller still believes in.
      saveLists(this.#config.stateFile, after);
    } catch (error) {
      replaceTables(maps, before);
      throw datapathError("Cannot change prefilter", error, "the list before stays in force");
    }
    this.#lists = after;
  }

  #keep(): void {
    try {
      using rtnl = new Rtnetlink();
      const network = { links: rtnl.links(), addresses: rtnl.addresses(), routes: rtnl.routes() };
      this.#devices = physicalDevices(network, this.#config.nodeAddresses, this.#config.devices);
      const failed = this.#program?.keepAttached(this.#devices, network.links) ?? new Map<string, Error>();
      for (const [device, error] of failed) {
        if (!this.#failed.has(device)) this.#log.error("The prefilter is not on a device", { device, error });
      }
      this.#failed = failed;
    } catch (error) {
      this.#log.error("Cannot look after the prefilter", { error: toError(error) });
    }
  }

  #current(): PrefilterLists {
    if (this.#unreadable !== undefined) throw this.#unreadable;
    if (this.#lists === undefined) throw new DatapathError("Cannot use the prefilter: it is not started");
    return this.#lists;
  }

  #running(): PrefilterMaps {
    if (this.#maps === undefined) throw new DatapathError("Cannot use the prefilter: it is not started");
    return this.#maps;
  }
}

function replaceTables(maps: PrefilterMaps, lists: PrefilterLists): void {
  maps.write(lists.revision, () => {
    maps.replace(lists.ipv4);
    maps.replace(lists.ipv6);
  });
}
