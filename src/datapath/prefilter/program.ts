// SPDX-License-Identifier: Apache-2.0
// The prefilter's program and maps in the kernel: loaded at each start, put in the place of what runs, kept there.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { attachXdp, type BpfObject, type Link, loadObject } from "../../kernel/index.ts";
import { datapathError } from "../errors.ts";
import { readObjectFile } from "../loader/object-file.ts";
import { detachFromDevice, deviceLinkPin, devicesWith } from "../loader/pins.ts";
import { mapPinRoot } from "../maps/names.ts";
import type { PrefilterMapSet } from "./prefilter-maps.ts";

const PROGRAM = "cil_xdp_entry";
const ownMaps = /^cilium_cidr_/;

export interface PrefilterProgramConfig {
  readonly bpfRoot: string;
  /** Folder with xdp.o. */
  readonly objectDir: string;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
}

export class PrefilterProgram implements Disposable {
  readonly #bpfRoot: string;
  #olderRemoved = false;
  readonly #object: BpfObject;

  private constructor(bpfRoot: string, object: BpfObject) {
    this.#bpfRoot = bpfRoot;
    this.#object = object;
  }

  /** Loads the program over the maps that are pinned, or new ones. What runs goes on. */
  static load({ bpfRoot, objectDir, enableIpv4, enableIpv6 }: PrefilterProgramConfig): PrefilterProgram {
    const file = readObjectFile(join(objectDir, "xdp.o"));
    const root = mapPinRoot(bpfRoot);
    try {
      const object = loadObject(file.bytes, {
        name: file.name,
        rodata: { enable_ipv4: enableIpv4 ? 1 : 0, enable_ipv6: enableIpv6 ? 1 : 0 },
        maps: Object.fromEntries([...file.maps].map((name) => [name, { pinPath: join(root, name) }])),
      });
      return new PrefilterProgram(bpfRoot, object);
    } catch (error) {
      throw datapathError(`Cannot load object "${file.name}"`, error, "what is in place stays");
    }
  }

  get maps(): PrefilterMapSet {
    return {
      direct: this.#object.map("cilium_cidr_direct"),
      ipv4: this.#object.map("cilium_cidr_v4"),
      lines: this.#object.map("cilium_cidr_lines"),
      nodes6: this.#object.map("cilium_cidr_nodes6"),
      state: this.#object.map("cilium_cidr_state"),
    };
  }

  /** Puts the program on these of the links alone. Returns what failed, by device. */
  keepAttached(devices: readonly string[], links: readonly Link[]): Map<string, Error> {
    const failed = new Map<string, Error>();
    for (const device of devices) {
      try {
        this.#keepOn(
          device,
          links.find(({ name }) => name === device),
        );
      } catch (error) {
        failed.set(device, datapathError(`Cannot put the prefilter on device "${device}"`, error));
      }
    }
    for (const device of devicesWith(this.#bpfRoot, PROGRAM)) {
      if (!devices.includes(device)) detachFromDevice(this.#bpfRoot, device, PROGRAM);
    }
    if (failed.size === 0) this.#removeOlderTables();
    return failed;
  }

  [Symbol.dispose](): void {
    this.#object.close();
  }

  /** Those that only programs of an earlier build used, which are gone now. */
  #removeOlderTables(): void {
    if (this.#olderRemoved) return;
    const root = mapPinRoot(this.#bpfRoot);
    for (const name of pinnedTables(root)) if (!this.#object.mapNames.includes(name)) rmSync(join(root, name));
    this.#olderRemoved = true;
  }

  #keepOn(device: string, link: Link | undefined): void {
    const program = this.#object.program(PROGRAM);
    if (link === undefined) throw new Error("there is no such device");
    if (link.xdpProgramId === program.id) return;
    attachXdp({ program, ifindex: link.ifindex, pin: deviceLinkPin(this.#bpfRoot, device, PROGRAM) }).close();
  }
}

/** Names of pinned tables. */
function pinnedTables(root: string): readonly string[] {
  return existsSync(root) ? readdirSync(root).filter((name) => ownMaps.test(name)) : [];
}

/** Takes an earlier run's prefilter off all devices, and its tables away. True when there was one. */
export function removePrefilter(bpfRoot: string): boolean {
  const devices = devicesWith(bpfRoot, PROGRAM);
  for (const device of devices) detachFromDevice(bpfRoot, device, PROGRAM);
  const root = mapPinRoot(bpfRoot);
  const maps = pinnedTables(root);
  for (const name of maps) rmSync(join(root, name), { force: true });
  return devices.length + maps.length > 0;
}
