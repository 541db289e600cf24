// SPDX-License-Identifier: Apache-2.0
// Maps of an object before its load: sizes, re-use of given and of pinned ones.
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { MapIncompatibleError, SyscallError } from "../errors.ts";
import { libbpf } from "./libbpf.ts";
import { BpfMap } from "./map.ts";
import { mapTypeName } from "./map-type.ts";
import type { BpfObject } from "./object.ts";

export interface ObjectMapOptions {
  /** This map is used instead of a new one; it stays the caller's. */
  readonly reuse?: BpfMap;
  readonly maxEntries?: number;
  /** Re-used when it is there and fits (else MapIncompatibleError), made and pinned there when not. */
  readonly pinPath?: string;
  /**
   * Asked when what is pinned fits in all but its size: gives the map to use, the pinned one or one of the caller's.
   * Without it, another size is a MapIncompatibleError.
   */
  readonly onOtherSize?: (pinned: BpfMap, wanted: number) => BpfMap;
}

interface Preparation {
  readonly maps: Readonly<Record<string, ObjectMapOptions>>;
  readonly pinRoot: string | undefined;
  readonly object: string;
}

export type MapHandle = readonly [name: string, handle: bigint];

/** Names and libbpf handles of an object's maps; .rodata and its like under their section's name. */
export function* objectMaps(object: bigint): Generator<MapHandle> {
  const library = libbpf();
  for (let map = library.nextMap(object, null); map !== null; map = library.nextMap(object, map)) {
    const name = library.mapName(map);
    const dot = name.indexOf(".");
    yield [dot > 0 ? name.slice(dot) : name, map];
  }
}

/** Applies the options before load; returns what is to be pinned after it: name → path. */
export function prepareMaps(handles: readonly MapHandle[], options: Preparation): Map<string, string> {
  const pins = new Map<string, string>();
  const unknown = new Set(Object.keys(options.maps));
  for (const [name, handle] of handles) {
    unknown.delete(name);
    const given = options.maps[name] ?? {};
    if (given.maxEntries !== undefined) checked(libbpf().mapSetMaxEntries(handle, given.maxEntries), "resize", name);
    const path = pinPath(handle, name, given, options.pinRoot);
    if (given.reuse !== undefined) {
      reuse(handle, name, given.reuse, "memory");
    } else if (path !== undefined && existsSync(path)) {
      using pinned = BpfMap.openPinned(path);
      reuse(handle, name, resized(handle, name, pinned, given), path);
    } else if (path !== undefined) {
      pins.set(name, path);
    }
  }
  for (const name of unknown) throw new Error(`Cannot find map "${name}" in object "${options.object}"`);
  return pins;
}

function resized(handle: bigint, name: string, pinned: BpfMap, { onOtherSize }: ObjectMapOptions): BpfMap {
  const wanted = libbpf().mapMaxEntries(handle);
  const fits = differences(handle, pinned).length === 0;
  if (onOtherSize === undefined || wanted === 0 || wanted === pinned.maxEntries || !fits) return pinned;
  const map = onOtherSize(pinned, wanted);
  checked(libbpf().mapSetMaxEntries(handle, map.maxEntries), "resize", name);
  return map;
}

/** Pins maps that were made by the load. */
export function pinMaps(object: BpfObject, pins: ReadonlyMap<string, string>): void {
  for (const [name, path] of pins) {
    mkdirSync(dirname(path), { recursive: true });
    object.map(name).pin(path);
  }
}

/** Where the map belongs; takes the pinning out of libbpf's hands. */
function pinPath(handle: bigint, name: string, given: ObjectMapOptions, root: string | undefined): string | undefined {
  const byName = libbpf().mapPinPath(handle) !== null;
  if (byName) checked(libbpf().mapSetPinPath(handle, null), "take over the pin of", name);
  if (given.pinPath !== undefined) return given.pinPath;
  return byName && root !== undefined ? `${root}/${name}` : undefined;
}

function reuse(handle: bigint, name: string, map: BpfMap, path: string): void {
  const library = libbpf();
  const found = differences(handle, map);
  // 0 entries in the declaration: the kernel or the loader decides.
  const wanted = library.mapMaxEntries(handle);
  const size = wanted === 0 ? undefined : difference("size", map.maxEntries, wanted);
  if (size !== undefined) found.push(size);
  if (found.length > 0) throw new MapIncompatibleError(name, path, found);
  checked(library.mapReuseFd(handle, map.fd.value), "re-use", name);
}

/** Other than in size. */
function differences(handle: bigint, map: BpfMap): string[] {
  const library = libbpf();
  return [
    difference("type", map.type, mapTypeName(library.mapType(handle))),
    difference("key size", map.keySize, library.mapKeySize(handle)),
    difference("value size", map.valueSize, library.mapValueSize(handle)),
    difference("flags", map.flags, library.mapFlags(handle)),
  ].filter((line) => line !== undefined);
}

function difference(what: string, found: string | number, declared: string | number): string | undefined {
  return found === declared ? undefined : `${what} is ${found}, the object declares ${declared}`;
}

function checked(result: number, what: string, name: string): void {
  if (result < 0) throw new SyscallError({ call: "libbpf", errno: -result, what: `Cannot ${what} map "${name}"` });
}
