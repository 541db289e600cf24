// SPDX-License-Identifier: Apache-2.0
// Finds what is ours on this machine by looking at it: pins, devices with their routes, programs, maps.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import {
  BpfLink,
  BpfMap,
  BpfProgram,
  Errno,
  type Filter,
  type Link,
  listLinks,
  mapIds,
  probeFeature,
  programIds,
  queryTcx,
  type Route,
  Rtnetlink,
  SyscallError,
} from "../../kernel/index.ts";
import { isBpffs } from "../bpffs.ts";
import { isTunnel } from "../devices/device-keeper.ts";
import { deviceNames } from "../devices/names.ts";
import { findIpvlanMaster } from "../ipvlan/master.ts";
import { type SlavePlace, slaveMaster } from "../ipvlan/slaves.ts";
import { findDeviceFilters } from "../loader/device-hooks.ts";
import { findEntryFilters } from "../loader/entry-filters.ts";
import { pinRoot } from "../loader/pins.ts";
import { mapNames, mapPinRoot } from "../maps/names.ts";
import { findDirectRoutes } from "../routes/direct-routes.ts";
import { findUnreachable } from "../routes/unreachable-routes.ts";
import type { CleanupItem, CleanupOptions } from "./types.ts";

/** The CNI plugin's name for the host side of a pod's pair. */
const podDevice = /^lxc[0-9a-f]{12}$/;

/** Everything of ours below the bpffs root. */
export interface Pins {
  /** Files below BPF_ROOT/cilium. */
  readonly links: readonly string[];
  /** Folders below and with BPF_ROOT/cilium, inner ones first. */
  readonly folders: readonly string[];
  readonly maps: readonly string[];
}

export function findPins(bpfRoot: string): Pins {
  if (!isBpffs(bpfRoot)) return { links: [], folders: [], maps: [] };
  const root = pinRoot(bpfRoot);
  const entries = existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : [];
  const path = (entry: { parentPath: string; name: string }) => join(entry.parentPath, entry.name);
  const folders = entries.filter((entry) => entry.isDirectory()).map(path);
  const mapRoot = mapPinRoot(bpfRoot);
  const maps = existsSync(mapRoot) ? readdirSync(mapRoot).filter((name) => name.startsWith("cilium_")) : [];
  return {
    links: entries.filter((entry) => !entry.isDirectory()).map(path),
    folders: [...(existsSync(root) ? [root] : []), ...folders].toSorted((a, b) => b.length - a.length),
    maps: maps.map((name) => join(mapRoot, name)),
  };
}

/** Devices that are ours by their kind and not by their name alone. */
export function findDevices(rtnl: Rtnetlink, pins: Pins, known: CleanupOptions["podDevices"] = []): Link[] {
  const links = rtnl.links();
  const withPrograms = new Set(pins.links.flatMap((path) => linkedDevice(path) ?? []));
  for (const { ifindex } of findEntryFilters(rtnl)) withPrograms.add(ifindex);
  return links.filter((link) => {
    if (isTunnel(link)) return true;
    if (link.kind !== "veth") return false;
    const peer = links.find(({ ifindex }) => ifindex === link.peerIfindex);
    if (link.name === deviceNames.host) return peer?.name === deviceNames.net;
    if (link.name === deviceNames.net) return peer?.name === deviceNames.host;
    if (!link.name.startsWith("lxc")) return false;
    return (
      known.some(({ name, ifindex }) => name === link.name && ifindex === link.ifindex) ||
      withPrograms.has(link.ifindex) ||
      // Made by an ADD that was interrupted: its other end is in a pod.
      (podDevice.test(link.name) && link.peerNetnsId !== undefined)
    );
  });
}

function linkedDevice(path: string): number | undefined {
  try {
    using link = BpfLink.openPinned(path);
    const { type, ifindex } = link.info();
    return type === "tcx" ? ifindex : undefined;
  } catch (error) {
    if (error instanceof SyscallError) return undefined; // not a link
    throw error;
  }
}

/** Routes that go with these devices; those that the kernel makes for any device are not told. */
export function findRoutes(rtnl: Rtnetlink, devices: readonly Link[]): CleanupItem[] {
  return devices.flatMap(({ ifindex, name }) =>
    rtnl
      .routes({ ifindex })
      .filter(({ table, destination }) => table === 254 && !/^f[ef]/.test(destination))
      .map(({ destination }): CleanupItem => ({ kind: "route", name: `${destination} dev ${name}` })),
  );
}

/** Routes that go with no device of ours: to the pods of other nodes over those nodes, and to pods that are not there. */
export function findLooseRoutes(rtnl: Rtnetlink): Route[] {
  return [...findDirectRoutes(rtnl), ...findUnreachable(rtnl)];
}

/** For people. */
export function looseRouteItem({ destination, gateway }: Route): CleanupItem {
  return {
    kind: "route",
    name: gateway === undefined ? `unreachable ${destination}` : `${destination} via ${gateway}`,
  };
}

/** Objects of the kernel by their ids, with names for people. */
export interface KernelObjects {
  readonly links: ReadonlyMap<number, string>;
  readonly programs: ReadonlyMap<number, string>;
  readonly maps: ReadonlyMap<number, string>;
}

/** What the datapath's pins below a bpffs root keep alive. */
export function pinnedObjects(bpfRoot: string): KernelObjects {
  return findObjects(findPins(bpfRoot));
}

/** Those of the objects that the kernel still has. */
export function objectsInKernel({ links, programs, maps }: KernelObjects): CleanupItem[] {
  const left = (kind: "link" | "program" | "map", known: ReadonlyMap<number, string>, ids: Iterable<number>) => {
    const present = known.size === 0 ? new Set() : new Set(ids);
    const stay = [...known].filter(([id]) => present.has(id));
    return stay.map(([id, name]): CleanupItem => ({ kind, name: `${name} (id ${id})` }));
  };
  return [
    ...left("link", links, linkIds()),
    ...left("program", programs, programIds()),
    ...left("map", maps, mapIds()),
  ];
}

function* linkIds(): Generator<number> {
  for (const { id } of listLinks()) yield id;
}

/** What the pins keep alive. */
export function findObjects({ links, maps }: Pins): KernelObjects {
  const found = {
    links: new Map<number, string>(),
    programs: new Map<number, string>(),
    maps: new Map<number, string>(),
  };
  const addProgram = (id: number) => {
    const name = programName(id);
    if (name !== undefined) found.programs.set(id, name);
  };
  for (const path of [...maps, ...links]) {
    const { program, link, map: isMap } = pinned(path);
    if (link !== undefined) found.links.set(link, basename(path));
    if (program !== undefined) addProgram(program);
    if (!isMap) continue;
    using map = BpfMap.openPinned(path);
    found.maps.set(map.id, map.name);
    if (map.name === mapNames.calls) for (const id of tailCalls(map)) addProgram(id);
  }
  return found;
}

/** What a pin holds: the program of a link or of its own, or a map. Any object opens; its fdinfo says what it is. */
function pinned(path: string): { program?: number; link?: number; map: boolean } {
  using object = BpfLink.openPinned(path);
  const text = readFileSync(`/proc/self/fdinfo/${object.fd.value}`, "utf8");
  const program = /^prog_id:\s*(\d+)$/m.exec(text)?.[1];
  const link = /^link_id:\s*(\d+)$/m.exec(text)?.[1];
  return {
    ...(program === undefined ? {} : { program: Number(program) }),
    ...(link === undefined ? {} : { link: Number(link) }),
    map: /^map_id:/m.test(text),
  };
}

/** The kernel gives the ids of the programs in a program array. */
function tailCalls(map: BpfMap): number[] {
  const ids: number[] = [];
  for (let slot = 0; slot < map.maxEntries; slot++) {
    const key = new Uint8Array(4);
    new DataView(key.buffer).setUint32(0, slot, true);
    const value = map.lookup(key);
    if (value !== undefined) ids.push(new DataView(value.buffer, value.byteOffset).getUint32(0, true));
  }
  return ids;
}

/** Programs that are filters. */
export function findFilters(rtnl: Rtnetlink): Filter[] {
  return [...findEntryFilters(rtnl), ...findDeviceFilters(rtnl)];
}

/** Programs that are filters, for people. */
function filterItems(rtnl: Rtnetlink): CleanupItem[] {
  return findFilters(rtnl).map((filter) => ({ kind: "filter", name: filterName(rtnl, filter) }));
}

export function filterName(rtnl: Rtnetlink, { ifindex, hook, name }: Filter): string {
  return `${name} on ${hook} of ${rtnl.link(ifindex)?.name ?? ifindex}`;
}

/** Our programs that links keep on hooks of any device of this namespace. */
export function attachedPrograms(rtnl: Rtnetlink): CleanupItem[] {
  if (!probeFeature("tcx").available) return [];
  return rtnl.links().flatMap(({ ifindex, name }) =>
    (["ingress", "egress"] as const).flatMap((hook) =>
      queryTcx(ifindex, hook).flatMap((id): CleanupItem[] => {
        const program = programName(id);
        return program?.startsWith("cil_") === true ? [{ kind: "link", name: `${program} on ${hook} of ${name}` }] : [];
      }),
    ),
  );
}

/** Undefined when it has gone meanwhile. */
function programName(id: number): string | undefined {
  try {
    using program = BpfProgram.fromId(id);
    return program.name;
  } catch (error) {
    if (error instanceof SyscallError && error.errno === Errno.ENOENT) return undefined;
    throw error;
  }
}

/** The device of an ipvlan pod, for people. */
export function slaveItem({ netnsPath, interfaceName }: SlavePlace): CleanupItem {
  return { kind: "device", name: `${interfaceName} in ${netnsPath}` };
}

/** What is there to be removed, for people. */
export function findDatapath(options: CleanupOptions): readonly CleanupItem[] {
  const pins = findPins(options.bpfRoot);
  const below = (path: string) => relative(options.bpfRoot, path);
  const items: CleanupItem[] = [
    ...pins.links.map((path): CleanupItem => ({ kind: "pin", name: below(path) })),
    ...pins.maps.map((path): CleanupItem => ({ kind: "map", name: below(path) })),
  ];
  using rtnl = new Rtnetlink();
  items.push(...filterItems(rtnl));
  if (options.scope === "bpf") return items;
  const devices = findDevices(rtnl, pins, options.podDevices);
  return [
    ...items,
    ...devices.map(({ name }): CleanupItem => ({ kind: "device", name })),
    ...findRoutes(rtnl, devices),
    ...findLooseRoutes(rtnl).map(looseRouteItem),
    ...findIpvlanMaster(rtnl),
    ...(options.podSlaves ?? []).filter((place) => slaveMaster(place) !== undefined).map(slaveItem),
  ];
}
