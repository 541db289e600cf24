// SPDX-License-Identifier: Apache-2.0
// The prefilter's program and maps in the kernel: loaded at each start, put in the place of what runs, kept there.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { attachXdp, type BpfObject, loadObject, Rtnetlink } from "../../kernel/index.ts";
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
      ipv6: this.#object.map("cilium_cidr_v6"),
      filter: this.#object.map("cilium_cidr_filter"),
      levels: this.#object.map("cilium_cidr_levels"),
    };
  }

  /** Puts the program on these devices alone. Returns what failed, by device. */
  keepAttached(devices: readonly string[]): Map<string, Error> {
    const failed = new Map<string, Error>();
    using rtnl = new Rtnetlink();
    for (const device of devices) {
      try {
        this.#keepOn(device, rtnl);
      } catch (error) {
        failed.set(device, datapathError(`Cannot put the prefilter on device "${device}"`, error));
      }
    }
    for (const device of devicesWith(this.#bpfRoot, PROGRAM)) {
      if (!devices.includes(device)) detachFromDevice(this.#bpfRoot, device, PROGRAM);
    }
    return failed;
  }

  [Symbol.dispose](): void {
    this.#object.close();
  }

  #keepOn(device: string, rtnl: Rtnetlink): void {
    const program = this.#object.program(PROGRAM);
    const link = rtnl.link(device);
    if (link === undefined) throw new Error("there is no such device");
    if (link.xdpProgramId === program.id) return;
    attachXdp({ program, ifindex: link.ifindex, pin: deviceLinkPin(this.#bpfRoot, device, PROGRAM) }).close();
  }
}

/** Takes an earlier run's prefilter off all devices, and its tables away. True when there was one. */
export function removePrefilter(bpfRoot: string): boolean {
  const devices = devicesWith(bpfRoot, PROGRAM);
  for (const device of devices) detachFromDevice(bpfRoot, device, PROGRAM);
  const root = mapPinRoot(bpfRoot);
  const maps = existsSync(root) ? readdirSync(root).filter((name) => ownMaps.test(name)) : [];
  for (const name of maps) rmSync(join(root, name), { force: true });
  return devices.length + maps.length > 0;
}
