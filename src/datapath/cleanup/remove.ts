// SPDX-License-Identifier: Apache-2.0
// Takes the datapath off the machine, looks again, and tells both.
import { readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { dirname, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorChain } from "../../core/index.ts";
import { BpfLink, Errno, ktimeNs, Rtnetlink, SyscallError, unmount } from "../../kernel/index.ts";
import { isBpffs } from "../bpffs.ts";
import { restoreSysctls } from "../devices/restored-sysctls.ts";
import { findIpvlanMaster, removeIpvlanMaster } from "../ipvlan/master.ts";
import { removeSlave, slaveMaster } from "../ipvlan/slaves.ts";
import { removeFilter } from "../loader/device-hooks.ts";
import { MachineRecord } from "../machine-record.ts";
import { mapPinRoot } from "../maps/names.ts";
import { openPinnedMaps } from "../maps/open.ts";
import { removeRoute } from "../routes/direct-routes.ts";
import {
  attachedPrograms,
  filterName,
  findDatapath,
  findDevices,
  findFilters,
  findLooseRoutes,
  findObjects,
  findPins,
  findRoutes,
  looseRouteItem,
  objectsInKernel,
  type Pins,
  slaveItem,
} from "./inventory.ts";
import type { CleanupItem, CleanupOptions, CleanupReport, CleanupRest } from "./types.ts";

/** The kernel frees programs and maps some time after their last user. */
const freeWithin = 5000;
/** Files that the kernel puts into every bpffs. */
const kernelsOwn = ["maps.debug", "progs.debug"];
/** An agent beats twice a second. */
const beatWithin = 1500;

/**
 * Removes links, pins, maps and (unless only BPF state is asked for) devices, routes, changed sysctls and the mount of
 * an agent that does not run. Removing nothing is fine. What would not go is in the report, not thrown.
 */
export async function removeDatapath(options: CleanupOptions): Promise<CleanupReport> {
  const removal = new Removal(options);
  removal.pins();
  removal.filters();
  if (options.scope === "all") {
    removal.devices();
    removal.ipvlan();
    removal.machine();
  }
  return await removal.report();
}

class Removal {
  readonly #options: CleanupOptions;
  readonly #pins: Pins;
  readonly #objects: ReturnType<typeof findObjects>;
  readonly #removed: CleanupItem[] = [];
  readonly #failed: CleanupRest[] = [];
  /** Found before the pins go: some are known by their links. */
  readonly #devices: readonly { readonly name: string; readonly ifindex: number }[];
  readonly #routes: readonly CleanupItem[];

  constructor(options: CleanupOptions) {
    this.#options = options;
    this.#pins = findPins(options.bpfRoot);
    this.#objects = findObjects(this.#pins);
    using rtnl = new Rtnetlink();
    const devices = options.scope === "bpf" ? [] : findDevices(rtnl, this.#pins, options.podDevices);
    this.#devices = devices;
    this.#routes = findRoutes(rtnl, devices);
  }

  /** Programs off their hooks at once, then every pin. */
  pins(): void {
    const { links, folders, maps } = this.#pins;
    for (const path of links) {
      this.#try({ kind: "pin", name: this.#below(path) }, () => {
        detach(path);
        unlinkSync(path);
      });
    }
    for (const path of maps) this.#try({ kind: "map", name: this.#below(path) }, () => unlinkSync(path));
    const mapRoot = mapPinRoot(this.#options.bpfRoot);
    for (const path of folders) removeEmpty(path);
    if (isBpffs(this.#options.bpfRoot)) for (const path of [mapRoot, dirname(mapRoot)]) removeEmpty(path);
  }

  /** Programs that are not on links. */
  filters(): void {
    using rtnl = new Rtnetlink();
    for (const filter of findFilters(rtnl)) {
      this.#try({ kind: "filter", name: filterName(rtnl, filter) }, () => removeFilter(rtnl, filter));
    }
  }

  devices(): void {
    using rtnl = new Rtnetlink();
    for (const { name, ifindex } of this.#devices) {
      this.#try({ kind: "device", name }, () => rtnl.deleteLink(ifindex));
    }
    this.#removed.push(...this.#routes);
    for (const route of findLooseRoutes(rtnl)) this.#try(looseRouteItem(route), () => removeRoute(rtnl, route));
  }

  /** Devices of ipvlan pods, then the rules that they needed, and what is behind those. */
  ipvlan(): void {
    for (const place of this.#options.podSlaves ?? []) {
      if (slaveMaster(place) !== undefined) this.#try(slaveItem(place), () => removeSlave(place));
    }
    using rtnl = new Rtnetlink();
    const found = findIpvlanMaster(rtnl);
    try {
      removeIpvlanMaster(rtnl);
      this.#removed.push(...found);
    } catch (error) {
      this.#failed.push(...found.map((item) => ({ ...item, why: errorChain(error) })));
    }
  }

  /** Sysctls and the mount, as the record says. */
  machine(): void {
    const { machineRecord, bpfRoot } = this.#options;
    const record = machineRecord === undefined ? undefined : MachineRecord.read(machineRecord);
    if (record?.ofThisNamespace !== true) return;
    for (const { name, before, left } of restoreSysctls(record.sysctls)) {
      if (left === undefined) this.#removed.push({ kind: "sysctl", name: `${name}, again ${before}` });
      else this.#failed.push({ kind: "sysctl", name: `${name}, was ${before}`, why: left });
    }
    if (!record.mounted || record.bpfRoot !== bpfRoot || !isBpffs(bpfRoot)) return;
    const item: CleanupItem = { kind: "mount", name: bpfRoot };
    const others = readdirSync(bpfRoot).filter((name) => !kernelsOwn.includes(name));
    if (others.length > 0) {
      this.#failed.push({ ...item, why: `others have pinned there: ${others.slice(0, 5).join(", ")}` });
      return;
    }
    this.#try(item, () => unmount(bpfRoot));
    for (const path of record.folders.toReversed()) removeEmpty(path);
  }

  /** Looks at the machine again. */
  async report(): Promise<CleanupReport> {
    const remaining = [...this.#failed];
    const add = (item: CleanupItem, why: string) => {
      if (!remaining.some(({ kind, name }) => kind === item.kind && name === item.name))
        remaining.push({ ...item, why });
    };
    for (const item of findDatapath(this.#options)) add(item, "it is there again, or would not go");
    using rtnl = new Rtnetlink();
    for (const item of attachedPrograms(rtnl)) add(item, "its link is held by a process");
    for (const item of await this.#notFreed()) remaining.push({ ...item, why: "a process holds it", held: true });
    return { removed: this.#removed, remaining };
  }

  async #notFreed(): Promise<CleanupItem[]> {
    const end = performance.now() + freeWithin;
    for (;;) {
      const left = objectsInKernel(this.#objects);
      if (left.length === 0 || performance.now() > end) return left;
      await sleep(20);
    }
  }

  #below(path: string): string {
    return relative(this.#options.bpfRoot, path);
  }

  #try(item: CleanupItem, remove: () => void): void {
    try {
      remove();
      this.#removed.push(item);
    } catch (error) {
      this.#failed.push({ ...item, why: errorChain(error) });
    }
  }
}

/** ENOLINK: its device went. EINVAL, EOPNOTSUPP: whatever it is, it is no link that can be detached. */
function detach(path: string): void {
  try {
    using link = BpfLink.openPinned(path);
    link.detach();
  } catch (error) {
    const harmless: readonly number[] = [Errno.ENOLINK, Errno.EINVAL, Errno.EOPNOTSUPP];
    if (!(error instanceof SyscallError) || !harmless.includes(error.errno)) throw error;
  }
}

/** Folders of others, with something in them, stay; bpffs refuses with ENOTEMPTY as any other. */
function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "ENOENT" && code !== "EBUSY") throw error;
  }
}

/** Whether an agent keeps the datapath at `bpfRoot` right now, whatever its state folder. Takes up to 1.5 s. */
export async function isDatapathKept(bpfRoot: string): Promise<boolean> {
  if (!findPins(bpfRoot).maps.some((path) => path.endsWith("/cilium_runtime_config"))) return false;
  using maps = openPinnedMaps(bpfRoot);
  const beat = () => maps.runtimeConfig.get().agentLiveness;
  const first = beat();
  if (ktimeNs() - first > 10_000_000_000n) return false;
  const end = performance.now() + beatWithin;
  while (performance.now() < end) {
    if (beat() !== first) return true;
    await sleep(50);
  }
  return false;
}
