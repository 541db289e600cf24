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
  /** Asked for what is pinned and of the same type and flags: whether to use it, when something else is wanted. */
  readonly choose?: (pinned: BpfMap, wanted: MapShape) => MapChoice;
}

/** What an object declares. `maxEntries` 0: left to the loader. */
export interface MapShape {
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

/** A map of the caller's or the pinned one; or a new one with so many entries, that is not pinned. */
export type MapChoice = { readonly use: BpfMap } | { readonly make: number };

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
      const map = chosen(handle, name, pinned, given);
      if (map !== undefined) reuse(handle, name, map, path);
    } else if (path !== undefined) {
      pins.set(name, path);
    }
  }
  for (const name of unknown) throw new Error(`Cannot find map "${name}" in object "${options.object}"`);
  return pins;
}

/** The map to re-use; undefined: the object gets a new one. */
function chosen(handle: bigint, name: string, pinned: BpfMap, { choose }: ObjectMapOptions): BpfMap | undefined {
  const library = libbpf();
  const sameKind = pinned.type === mapTypeName(library.mapType(handle)) && pinned.flags === library.mapFlags(handle);
  if (choose === undefined || !sameKind) return pinned;
  const choice = choose(pinned, {
    keySize: library.mapKeySize(handle),
    valueSize: library.mapValueSize(handle),
    maxEntries: library.mapMaxEntries(handle),
  });
  const maxEntries = "make" in choice ? choice.make : choice.use.maxEntries;
  if (library.mapMaxEntries(handle) !== 0) checked(library.mapSetMaxEntries(handle, maxEntries), "resize", name);
  return "make" in choice ? undefined : choice.use;
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
  const found = [
    difference("type", map.type, mapTypeName(library.mapType(handle))),
    difference("key size", map.keySize, library.mapKeySize(handle)),
    difference("value size", map.valueSize, library.mapValueSize(handle)),
    difference("flags", map.flags, library.mapFlags(handle)),
  ].filter((line) => line !== undefined);
  // 0 entries in the declaration: the kernel or the loader decides.
  const wanted = library.mapMaxEntries(handle);
  const size = wanted === 0 ? undefined : difference("size", map.maxEntries, wanted);
  if (size !== undefined) found.push(size);
  if (found.length > 0) throw new MapIncompatibleError(name, path, found);
  checked(library.mapReuseFd(handle, map.fd.value), "re-use", name);
}

function difference(what: string, found: string | number, declared: string | number): string | undefined {
  return found === declared ? undefined : `${what} is ${found}, the object declares ${declared}`;
}

function checked(result: number, what: string, name: string): void {
  if (result < 0) throw new SyscallError({ call: "libbpf", errno: -result, what: `Cannot ${what} map "${name}"` });
}
