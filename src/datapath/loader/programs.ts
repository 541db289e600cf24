// SPDX-License-Identifier: Apache-2.0
// The node's programs: all are loaded before the first is put in place, then each replaces its predecessor at once.
import { join } from "node:path";
import { TailCall } from "../../abi/index.ts";
import {
  attachTcx,
  type BpfObject,
  loadObject,
  MapIncompatibleError,
  type ObjectMapOptions,
  type TcxHook,
  VerifierError,
} from "../../kernel/index.ts";
import { deviceNames } from "../devices/names.ts";
import { DatapathError, datapathError } from "../errors.ts";
import { mapNames, mapPinRoot } from "../maps/names.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { DatapathConfig } from "../types.ts";
import { mapSizes, nodeConstants } from "./node-values.ts";
import { type ObjectFile, readObjectFile } from "./object-file.ts";
import { deviceLinkPin, isAttached } from "./pins.ts";

const files = { container: "container.o", entry: "entry.o", host: "host.o", overlay: "overlay.o" } as const;
type Part = keyof typeof files;

/** Where the programs of the node's own devices go. */
const attachments: readonly { part: Part; program: string; device: string; hook: TcxHook }[] = [
  { part: "host", program: "cil_from_host", device: deviceNames.host, hook: "egress" },
  { part: "overlay", program: "cil_from_overlay", device: deviceNames.vxlan, hook: "ingress" },
  { part: "overlay", program: "cil_to_overlay", device: deviceNames.vxlan, hook: "egress" },
];

const tailCalls = [
  { part: "container", program: "cil_from_container", slot: TailCall.CALL_FROM_CONTAINER },
  { part: "container", program: "cil_to_container", slot: TailCall.CALL_TO_CONTAINER },
] as const;

/** Object files of a node, and what was loaded from them for one tunnel device. */
export class NodePrograms implements Disposable {
  readonly #config: DatapathConfig;
  #files: ReadonlyMap<Part, ObjectFile> | undefined;
  #loaded: ReadonlyMap<Part, BpfObject> = new Map();
  /** Tunnel device that the loaded programs were made for; 0: nothing is loaded. */
  #tunnelIfindex = 0;

  constructor(config: DatapathConfig) {
    this.#config = config;
  }

  get tunnelIfindex(): number {
    return this.#tunnelIfindex;
  }

  /** Loads all objects for that tunnel device and switches the tail calls to them. Nothing changes when one fails. */
  load(tunnelIfindex: number): void {
    const fresh = new Map<Part, BpfObject>();
    try {
      for (const part of ["container", "host", "overlay"] as const) fresh.set(part, this.#load(part, tunnelIfindex));
      // Endpoints get theirs later; that it loads is to be known now.
      this.#load("entry", tunnelIfindex).close();
      for (const { part, program, slot } of tailCalls) setTailCall(fresh.get(part), slot, program);
    } catch (error) {
      for (const object of fresh.values()) object.close();
      throw error;
    }
    this.close();
    this.#loaded = fresh;
    this.#tunnelIfindex = tunnelIfindex;
  }

  /** Puts the loaded programs on the node's devices, in place of what their pinned links had before. */
  attach(ifindexOf: (device: string) => number | undefined): void {
    for (const { part, program, device, hook } of attachments) {
      const ifindex = ifindexOf(device);
      if (ifindex !== undefined) this.#attach(part, program, device, ifindex, hook);
    }
  }

  /** Attaches what is not in place. */
  keepAttached(status: ObjectStatus, ifindexOf: (device: string) => number | undefined): void {
    for (const { part, program, device, hook } of attachments) {
      status.keep("link", `${device} ${program}`, () => {
        const ifindex = ifindexOf(device);
        if (ifindex === undefined) throw new DatapathError(`Cannot attach program "${program}": no device "${device}"`);
        if (isAttached(deviceLinkPin(this.#config.bpfRoot, device, program), ifindex, hook)) return false;
        this.#attach(part, program, device, ifindex, hook);
        return true;
      });
    }
  }

  /** Entry programs of one endpoint; the caller closes the object. */
  loadEntry(endpointId: number): BpfObject {
    return this.#load("entry", this.#tunnelIfindex, { endpoint_id: endpointId });
  }

  /** Forgets what was loaded; links, tail calls and pins keep it running. */
  close(): void {
    for (const object of this.#loaded.values()) object.close();
    this.#loaded = new Map();
    this.#tunnelIfindex = 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #attach(part: Part, program: string, device: string, ifindex: number, hook: TcxHook): void {
    const object = this.#loaded.get(part);
    if (object === undefined) throw new DatapathError(`Cannot attach program "${program}": it is not loaded`);
    const pin = deviceLinkPin(this.#config.bpfRoot, device, program);
    attachTcx({ program: object.program(program), ifindex, hook, pin }).close();
  }

  #load(part: Part, tunnelIfindex: number, extra: Readonly<Record<string, number>> = {}): BpfObject {
    this.#files ??= new Map(
      Object.entries(files).map(([key, file]) => [key as Part, readObjectFile(join(this.#config.objectDir, file))]),
    );
    const file = this.#files.get(part);
    if (file === undefined) throw new DatapathError(`Cannot load object "${part}": unknown`);
    const constants = { ...nodeConstants(this.#config, tunnelIfindex), ...extra };
    try {
      return loadObject(file.bytes, {
        name: file.name,
        rodata: Object.fromEntries(Object.entries(constants).filter(([name]) => file.variables.has(name))),
        maps: mapOptions(this.#config, file),
      });
    } catch (error) {
      throw loadError(file.name, error);
    }
  }
}

function mapOptions(config: DatapathConfig, file: ObjectFile): Record<string, ObjectMapOptions> {
  const sizes = mapSizes(config);
  const root = mapPinRoot(config.bpfRoot);
  const options: Record<string, ObjectMapOptions> = {};
  for (const name of file.maps) {
    const maxEntries = sizes[name];
    options[name] = { pinPath: join(root, name), ...(maxEntries === undefined ? {} : { maxEntries }) };
  }
  return options;
}

function setTailCall(object: BpfObject | undefined, slot: number, program: string): void {
  if (object === undefined) throw new DatapathError(`Cannot set tail call "${program}": its object is not loaded`);
  const key = new Uint8Array(4);
  const value = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, slot, true);
  new DataView(value.buffer).setUint32(0, object.program(program).fd.value, true);
  object.map(mapNames.calls).update(key, value);
}

function loadError(name: string, error: unknown): Error {
  if (error instanceof VerifierError) {
    return datapathError(`Cannot load object "${name}"`, error, "the programs in place stay; build the objects again");
  }
  if (error instanceof MapIncompatibleError) {
    // The kernel layer's own advice is for one map; here all of them belong together.
    const reason = error.message.replace(/ \([^()]*\)$/, "");
    const advice = "go back to the earlier sizes, or remove the datapath with post-uninstall-cleanup";
    return new DatapathError(`Cannot load object "${name}": ${reason} (${advice})`, { cause: error });
  }
  return datapathError(`Cannot load object "${name}"`, error);
}
