// SPDX-License-Identifier: Apache-2.0
// How programs of the node are put on hooks of devices: by pinned links, or by clsact filters on kernels before 6.6.
import { crc32 } from "node:zlib";
import { attachTcx, type BpfProgram, type Filter, queryTcx, type Rtnetlink, type TcxHook } from "../../kernel/index.ts";
import { hookPrograms } from "./attachments.ts";
import { detachFromDevice, deviceLinkPin, devicesWith, isAttached } from "./pins.ts";

/** "tcx": links; "tc": filters. As Cilium's API says it. */
export type AttachMode = "tcx" | "tc";

/** Where a program is to run. */
export interface HookPlace {
  readonly program: string;
  readonly device: string;
  readonly ifindex: number;
  readonly hook: TcxHook;
}

/** Programs on devices, one of a name on each. */
export interface DeviceHooks {
  /** Whether that program runs there. */
  isAttached(place: HookPlace, programId: number | undefined): boolean;
  /** Puts it there; what stands there of that name goes in the same moment. */
  attach(place: HookPlace, program: BpfProgram): void;
  /** Ids of all programs on a hook; undefined where the kernel tells of changes by itself. */
  running(ifindex: number, hook: TcxHook): readonly number[] | undefined;
  /** Names of devices that have a program of that name. */
  devicesWith(program: string): readonly string[];
  detach(device: string, program: string): void;
  /** To be called when time has passed in which others may have changed things. */
  forget(): void;
}

/** The way programs are put on devices, and the one that an earlier run may have gone. */
export interface HookWays {
  readonly current: DeviceHooks;
  readonly other: DeviceHooks;
}

/** Both ways; `mode` says which is gone now. */
export function hookWays(bpfRoot: string, rtnl: () => Rtnetlink, mode: () => AttachMode): HookWays {
  const links = new LinkHooks(bpfRoot);
  const filters = new FilterHooks(rtnl);
  return {
    get current() {
      return mode() === "tcx" ? links : filters;
    },
    get other() {
      return mode() === "tcx" ? filters : links;
    },
  };
}

/** Links with a pin each, known by the pins. */
class LinkHooks implements DeviceHooks {
  readonly #bpfRoot: string;

  constructor(bpfRoot: string) {
    this.#bpfRoot = bpfRoot;
  }

  isAttached({ device, program, ifindex, hook }: HookPlace, programId: number | undefined): boolean {
    return isAttached(deviceLinkPin(this.#bpfRoot, device, program), ifindex, hook, programId);
  }

  attach({ device, ifindex, hook, program: name }: HookPlace, program: BpfProgram): void {
    attachTcx({ program, ifindex, hook, pin: deviceLinkPin(this.#bpfRoot, device, name) }).close();
  }

  running(ifindex: number, hook: TcxHook): readonly number[] {
    return queryTcx(ifindex, hook);
  }

  devicesWith(program: string): readonly string[] {
    return devicesWith(this.#bpfRoot, program);
  }

  detach(device: string, program: string): void {
    detachFromDevice(this.#bpfRoot, device, program);
  }

  forget(): void {}
}

/** Filters, known by their names and handles; looked for once, then remembered. */
class FilterHooks implements DeviceHooks {
  readonly #rtnl: () => Rtnetlink;
  /** Device and index by name of the program; undefined: not looked for yet. */
  #placed: Map<string, Map<string, number>> | undefined;

  constructor(rtnl: () => Rtnetlink) {
    this.#rtnl = rtnl;
  }

  isAttached({ ifindex, hook, program }: HookPlace, programId: number | undefined): boolean {
    const found = this.#rtnl()
      .clsactFilters(ifindex, hook)
      .find((filter) => isDeviceFilter(filter) && filter.name === program);
    return found !== undefined && (programId === undefined || found.programId === programId);
  }

  attach({ device, ifindex, hook, program: name }: HookPlace, program: BpfProgram): void {
    const rtnl = this.#rtnl();
    rtnl.addClsact(ifindex);
    rtnl.attachClsact({ program, name, ifindex, hook, handle: handleOf(name) });
    this.#devicesOf(name).set(device, ifindex);
  }

  running(): undefined {}

  devicesWith(program: string): readonly string[] {
    return [...this.#devicesOf(program).keys()];
  }

  detach(device: string, program: string): void {
    const ifindex = this.#devicesOf(program).get(device);
    const hook = hookPrograms.get(program);
    if (ifindex !== undefined && hook !== undefined) {
      removeFilter(this.#rtnl(), { ifindex, hook, handle: handleOf(program) });
    }
    this.#devicesOf(program).delete(device);
  }

  forget(): void {
    this.#placed = undefined;
  }

  #devicesOf(program: string): Map<string, number> {
    this.#placed ??= this.#find();
    const devices = this.#placed.get(program) ?? new Map<string, number>();
    this.#placed.set(program, devices);
    return devices;
  }

  #find(): Map<string, Map<string, number>> {
    const rtnl = this.#rtnl();
    const found = new Map<string, Map<string, number>>();
    for (const { ifindex, name: program = "" } of findDeviceFilters(rtnl)) {
      const device = rtnl.link(ifindex)?.name;
      if (device === undefined) continue;
      const devices = found.get(program) ?? new Map<string, number>();
      found.set(program, devices.set(device, ifindex));
    }
    return found;
  }
}

/** Filters of the node's programs on any device of the namespace of `rtnl`. */
export function findDeviceFilters(rtnl: Rtnetlink): Filter[] {
  return rtnl
    .clsactDevices()
    .flatMap((ifindex) =>
      (["ingress", "egress"] as const).flatMap((hook) => rtnl.clsactFilters(ifindex, hook).filter(isDeviceFilter)),
    );
}

/** Takes a filter away, and clsact with the last one there, whoever made it. */
export function removeFilter(rtnl: Rtnetlink, filter: Pick<Filter, "ifindex" | "hook" | "handle">): void {
  rtnl.detachClsact(filter);
  const left = (["ingress", "egress"] as const).some((hook) => rtnl.clsactFilters(filter.ifindex, hook).length > 0);
  if (!left) rtnl.removeClsact(filter.ifindex);
}

function isDeviceFilter({ name, handle, hook }: Filter): boolean {
  return name !== undefined && hookPrograms.get(name) === hook && handle === handleOf(name);
}

/** Of a filter with that program: above those of endpoints, whose handles are their ids, and those that tc gives out. */
function handleOf(program: string): number {
  return (crc32(program) | 0x8000_0000) >>> 0;
}
