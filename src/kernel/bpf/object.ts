// SPDX-License-Identifier: Apache-2.0
// What an object file holds after its load.
import type { BpfMap } from "./map.ts";
import type { BpfProgram } from "./program.ts";

/** Maps and programs of a loaded object. Closing it leaves what is attached or pinned. */
export class BpfObject implements Disposable {
  readonly name: string;
  readonly #maps: ReadonlyMap<string, BpfMap>;
  readonly #programs: ReadonlyMap<string, BpfProgram>;

  constructor(name: string, maps: ReadonlyMap<string, BpfMap>, programs: ReadonlyMap<string, BpfProgram>) {
    this.name = name;
    this.#maps = maps;
    this.#programs = programs;
  }

  get mapNames(): readonly string[] {
    return [...this.#maps.keys()];
  }

  get programNames(): readonly string[] {
    return [...this.#programs.keys()];
  }

  /** Owned by the object; map.dup() gives one that lives longer. */
  map(name: string): BpfMap {
    const map = this.#maps.get(name);
    if (map === undefined) throw new Error(`Cannot find map "${name}" in object "${this.name}"`);
    return map;
  }

  /** Owned by the object; program.dup() gives one that lives longer. */
  program(name: string): BpfProgram {
    const program = this.#programs.get(name);
    if (program === undefined) throw new Error(`Cannot find program "${name}" in object "${this.name}"`);
    return program;
  }

  close(): void {
    for (const program of this.#programs.values()) program.close();
    for (const map of this.#maps.values()) map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
