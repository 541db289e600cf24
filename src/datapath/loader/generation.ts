// SPDX-License-Identifier: Apache-2.0
// A generation: programs that were loaded together, and the tail-call map through which only they reach each other.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BpfMap, BpfProgram } from "../../kernel/index.ts";
import { type MapName, mapNames, mapPinRoot, outwardMaps } from "../maps/names.ts";
import { pinRoot } from "./pins.ts";

// A bpffs takes no names with dots.
const unfinished = "new-";

/** Programs and tail calls of one load; closing it leaves what is pinned. */
export class Generation implements Disposable {
  /** Program array of the tail calls; every program of the generation, of endpoints too, uses this one. */
  readonly calls: BpfMap;
  readonly #programs: ReadonlyMap<string, BpfProgram>;
  /** Name of its folder. */
  readonly name: string;

  constructor(digest: string, calls: BpfMap, programs: ReadonlyMap<string, BpfProgram>) {
    this.name = `${digest}-${calls.id}`;
    this.calls = calls;
    this.#programs = programs;
  }

  program(name: string): BpfProgram | undefined {
    return this.#programs.get(name);
  }

  /** Pins everything, all at once for others. */
  save(bpfRoot: string): void {
    const folder = join(generationsRoot(bpfRoot), `${unfinished}${process.pid}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    this.calls.pin(join(folder, mapNames.calls));
    for (const [name, program] of this.#programs) program.pin(join(folder, name));
    renameSync(folder, join(generationsRoot(bpfRoot), this.name));
  }

  close(): void {
    this.calls.close();
    for (const program of this.#programs.values()) program.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Folder of all generations. */
export function generationsRoot(bpfRoot: string): string {
  return join(pinRoot(bpfRoot), "programs");
}

/** Names of generations that are pinned. What a killed run did not finish is removed. */
export function listGenerations(bpfRoot: string): string[] {
  const root = generationsRoot(bpfRoot);
  if (!existsSync(root)) return [];
  const names = readdirSync(root);
  for (const name of names) {
    if (name.startsWith(unfinished)) rmSync(join(root, name), { recursive: true, force: true });
  }
  return names.filter((name) => !name.startsWith(unfinished));
}

/** Takes a generation's pins away; its tail calls end when no other pin holds the map. */
export function removeGeneration(bpfRoot: string, name: string): void {
  rmSync(join(generationsRoot(bpfRoot), name), { recursive: true, force: true });
}

/**
 * What an earlier run loaded from the same bytes and constants, if its programs use the maps that are pinned now, in
 * the sizes that are wanted now.
 */
export function findGeneration(
  bpfRoot: string,
  digest: string,
  sizes: Readonly<Record<string, number>>,
): Generation | undefined {
  for (const name of listGenerations(bpfRoot)) {
    if (!name.startsWith(`${digest}-`)) continue;
    const found = open(bpfRoot, digest, name);
    if (usesPinnedMaps(found.programs, mapPinRoot(bpfRoot), sizes)) {
      return new Generation(digest, found.calls, found.programs);
    }
    found.calls.close();
    for (const program of found.programs.values()) program.close();
  }
  return undefined;
}

function open(bpfRoot: string, digest: string, name: string) {
  const folder = join(generationsRoot(bpfRoot), name);
  const programs = new Map<string, BpfProgram>();
  for (const file of readdirSync(folder)) {
    if (file !== mapNames.calls) programs.set(file, BpfProgram.openPinned(join(folder, file)));
  }
  return { digest, calls: BpfMap.openPinned(join(folder, mapNames.calls)), programs };
}

function usesPinnedMaps(
  programs: ReadonlyMap<string, BpfProgram>,
  root: string,
  sizes: Readonly<Record<string, number>>,
): boolean {
  const used = new Set([...programs.values()].flatMap((program) => program.mapIds()));
  const outward = programs.has("cil_to_netdev");
  const names: readonly MapName[] = Object.values(mapNames).filter(
    (name) => name !== mapNames.calls && (outward || !outwardMaps.includes(name)),
  );
  return names.every((name) => {
    const path = join(root, name);
    if (!existsSync(path)) return false;
    using map = BpfMap.openPinned(path);
    return used.has(map.id) && (sizes[name] ?? map.maxEntries) === map.maxEntries;
  });
}
