// SPDX-License-Identifier: Apache-2.0
// The node's programs: all are loaded before the first is put in place, then each replaces its predecessor at once.
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BpfMap, type BpfObject, type BpfProgram, type TcxHook, tcxRuns } from "../../kernel/index.ts";
import { usesOutwardDevices } from "../devices/outward.ts";
import { DatapathError } from "../errors.ts";
import { takeEarlierPolicy } from "../maps/earlier-policy.ts";
import { type KeptSize, MapMigrations } from "../maps/migration.ts";
import { mapNames, mapPinRoot } from "../maps/names.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { DatapathConfig } from "../types.ts";
import { attachmentsOf, type HookDevices, hookPrograms, programsOf, tailCallsOf } from "./attachments.ts";
import type { HookPlace, HookWays } from "./device-hooks.ts";
import { findGeneration, Generation, listGenerations, removeGeneration } from "./generation.ts";
import { mapSizes, type ProgramPlaces } from "./node-values.ts";
import { type LoadOptions, type NodePart, ObjectSet } from "./object-set.ts";

/** A hook with links of ours, and all programs that ran there when it was looked at. */
interface LinkedHook {
  readonly ifindex: number;
  readonly hook: TcxHook;
  readonly running: readonly number[];
}

/**
 * The programs of a node for one tunnel device. Those that a packet meets within one hook are of one generation: its
 * tail-call map is complete before the first entry program leads into it, and is never changed.
 */
export class NodePrograms implements Disposable {
  readonly #config: DatapathConfig;
  readonly #hooks: HookWays;
  readonly #objects: ObjectSet;
  /** Devices that programs were put on. */
  readonly #devices = new Set<number>();
  #linked: readonly LinkedHook[] = [];
  #generation: Generation | undefined;
  /** Devices that the programs were made for. Undefined: nothing is loaded. */
  #places: ProgramPlaces | undefined;
  #kept: readonly KeptSize[] = [];
  /** Of the load that is not committed yet. */
  #migrations: MapMigrations | undefined;
  /** Whoever opened the maps would go on with the old ones, so they are exchanged in the first load only. */
  #mayMigrate = true;

  constructor(config: DatapathConfig, hooks: HookWays) {
    this.#config = config;
    this.#hooks = hooks;
    this.#objects = new ObjectSet(config);
  }

  /** Devices that the loaded programs are for. Undefined: nothing is loaded. */
  get places(): ProgramPlaces | undefined {
    return this.#places;
  }

  /** Maps that keep a size other than the configured one. */
  get keptSizes(): readonly KeptSize[] {
    return this.#kept;
  }

  /** Whether a program belongs to what is loaded. */
  owns(program: BpfProgram): boolean {
    return this.#generation !== undefined && program.mapIds().includes(this.#generation.calls.id);
  }

  /**
   * Takes over what an earlier run loaded of the same, or loads all objects. Nothing in place changes; commit() and
   * attach() are next, and whatever else takes time is to be done before them.
   */
  load(places: ProgramPlaces): void {
    const { bpfRoot } = this.#config;
    const digest = this.#objects.digest(places);
    const found = findGeneration(bpfRoot, digest, mapSizes(this.#config));
    this.#migrations?.[Symbol.dispose]();
    if (found === undefined && this.#mayMigrate) this.#migrations = new MapMigrations(mapPinRoot(bpfRoot));
    const fresh = found ?? this.#loadAll(digest, places);
    this.#generation?.close();
    this.#generation = fresh;
    this.#kept = this.#migrations?.kept ?? this.#kept;
    this.#places = places;
    this.#mayMigrate = false;
  }

  /** Gives new maps the pins. Until the hooks have the loaded programs, flows of the others are missed. */
  commit(): void {
    const root = mapPinRoot(this.#config.bpfRoot);
    this.#migrations?.commit();
    this.#migrations = undefined;
    takeEarlierPolicy(root);
    if (this.#generation !== undefined && !existsSync(callsPin(root))) pinCalls(root, this.#generation.calls);
  }

  /**
   * Puts the loaded programs on the node's devices and on those of others, in place of what is there of an earlier load.
   * What an earlier run put there in the other way goes when all are in place.
   */
  attach(ifindexOf: (device: string) => number | undefined, devices: HookDevices): void {
    for (const { program, device, hook } of attachmentsOf(devices)) {
      const ifindex = ifindexOf(device);
      if (ifindex !== undefined) this.#ensure({ program, device, ifindex, hook });
    }
    const { other } = this.#hooks;
    other.forget();
    for (const program of hookPrograms.keys()) {
      for (const device of other.devicesWith(program)) other.detach(device, program);
    }
  }

  /** Attaches what is not in place, and takes programs off devices where they do not belong any more. */
  keepAttached(status: ObjectStatus, ifindexOf: (device: string) => number | undefined, devices: HookDevices): void {
    const { current } = this.#hooks;
    const wanted = attachmentsOf(devices);
    const linked: LinkedHook[] = [];
    for (const program of hookPrograms.keys()) {
      for (const device of current.devicesWith(program)) {
        if (wanted.some((row) => row.program === program && row.device === device)) continue;
        status.keep("link", `${device} ${program}`, () => {
          current.detach(device, program);
          return false;
        });
      }
    }
    for (const { program, device, hook } of wanted) {
      status.keep("link", `${device} ${program}`, () => {
        const ifindex = ifindexOf(device);
        if (ifindex === undefined) throw new DatapathError(`Cannot attach program "${program}": no device "${device}"`);
        const changed = this.#ensure({ program, device, ifindex, hook });
        const running = current.running(ifindex, hook);
        if (running !== undefined) linked.push({ ifindex, hook, running });
        return changed;
      });
    }
    this.#linked = linked;
  }

  /** Whether hooks with links run what keepAttached() found last; one system call each. */
  stillRun(): boolean {
    return this.#linked.every(({ ifindex, hook, running }) => tcxRuns(ifindex, hook, running));
  }

  /** Entry programs of one endpoint; the caller closes the object. */
  loadEntry(endpointId: number): BpfObject {
    const calls = this.#generation?.calls;
    if (calls === undefined || this.#places === undefined)
      throw new DatapathError(`Cannot load programs of endpoint "${endpointId}": not started`);
    const constants = { endpoint_id: endpointId };
    return this.#objects.load("entry", this.#places, { constants, calls, ...this.#exchange });
  }

  /** The program of one ipvlan pod's device; the caller closes the object. Addresses are in network order. */
  loadPod(endpointId: number, addresses: { readonly ipv4: Uint8Array; readonly ipv6: Uint8Array }): BpfObject {
    if (this.#places === undefined)
      throw new DatapathError(`Cannot load the program of endpoint "${endpointId}": not started`);
    const constants = { endpoint_id: endpointId, pod_ipv4: addresses.ipv4, pod_ipv6: addresses.ipv6 };
    return this.#objects.load("pod", this.#places, { constants });
  }

  /** Whether programs of earlier loads are still pinned. */
  hasOlder(): boolean {
    const { bpfRoot } = this.#config;
    const older = listGenerations(bpfRoot).some((name) => name !== this.#generation?.name);
    return older || !isCallsPin(callsPin(mapPinRoot(bpfRoot)), this.#generation?.calls.id);
  }

  /** Lets go of earlier loads. A tail-call map without a pin is emptied: call it when no link leads into one. */
  removeOlder(): void {
    const { bpfRoot } = this.#config;
    const current = this.#generation;
    if (current === undefined) return;
    pinCalls(mapPinRoot(bpfRoot), current.calls);
    for (const name of listGenerations(bpfRoot)) if (name !== current.name) removeGeneration(bpfRoot, name);
  }

  /** Forgets what was loaded; links and pins keep it running. */
  close(): void {
    this.#migrations?.[Symbol.dispose]();
    this.#migrations = undefined;
    this.#generation?.close();
    this.#generation = undefined;
    this.#places = undefined;
    this.#devices.clear();
    this.#linked = [];
    this.#hooks.current.forget();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #exchange(): Pick<LoadOptions, "migrations"> {
    return this.#migrations === undefined ? {} : { migrations: this.#migrations };
  }

  /** Whether a program was put on a device with that index. */
  isOn(ifindex: number): boolean {
    return this.#devices.has(ifindex);
  }

  /** True when it had to be attached. */
  #ensure(place: HookPlace): boolean {
    const program = this.#generation?.program(place.program);
    this.#devices.add(place.ifindex);
    if (this.#hooks.current.isAttached(place, program?.id)) return false;
    if (program === undefined) throw new DatapathError(`Cannot attach program "${place.program}": it is not loaded`);
    this.#hooks.current.attach(place, program);
    return true;
  }

  #loadAll(digest: string, places: ProgramPlaces): Generation {
    const exchange = this.#exchange;
    using container = this.#objects.load("container", places, exchange);
    const calls = container.map(mapNames.calls);
    using host = this.#objects.load("host", places, { calls, ...exchange });
    using overlay = this.#objects.load("overlay", places, { calls, ...exchange });
    // Endpoints get theirs later; that it loads is to be known now.
    this.#objects.load("entry", places, { calls, ...exchange }).close();
    using netdev = usesOutwardDevices(this.#config)
      ? this.#objects.load("netdev", places, { calls, ...exchange })
      : undefined;
    using underlay = this.#objects.load("underlay", places, { calls, ...exchange });
    const objects = { container, host, overlay, netdev, underlay };
    const programOf = (part: NodePart, name: string) => {
      const object = objects[part];
      if (object === undefined) throw new DatapathError(`Cannot use program "${name}": its object is not loaded`);
      return object.program(name);
    };
    for (const { part, program, slot } of tailCallsOf(this.#config)) setTailCall(calls, slot, programOf(part, program));
    const programs = programsOf(this.#config).map(
      ({ part, program }) => [program, programOf(part, program).dup()] as const,
    );
    const generation = new Generation(digest, calls.dup(), new Map(programs));
    try {
      generation.save(this.#config.bpfRoot);
      return generation;
    } catch (error) {
      generation.close();
      throw error;
    }
  }
}

const callsPin = (root: string) => join(root, mapNames.calls);

function isCallsPin(path: string, id: number | undefined): boolean {
  if (!existsSync(path)) return false;
  using pinned = BpfMap.openPinned(path);
  return pinned.id === id;
}

/** Where operators look for it. */
function pinCalls(root: string, calls: BpfMap): void {
  const temporary = join(root, `${mapNames.calls}-next`);
  rmSync(temporary, { force: true });
  calls.pin(temporary);
  renameSync(temporary, callsPin(root));
}

function setTailCall(calls: BpfMap, slot: number, program: BpfProgram): void {
  const key = new Uint8Array(4);
  const value = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, slot, true);
  new DataView(value.buffer).setUint32(0, program.fd.value, true);
  calls.update(key, value);
}
