// SPDX-License-Identifier: Apache-2.0
// Entry programs of endpoints as tcx links, known by their pins.
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  attachTcx,
  attachTcxLater,
  BpfLink,
  type BpfProgram,
  queryTcx,
  type TcxHook,
  tcxRuns,
} from "../../kernel/index.ts";
import { type EntryPair, entryPrograms } from "./entry-programs.ts";
import { endpointLinkPin, endpointsPinRoot, isAttached, linkTarget } from "./pins.ts";

/** Ids of the programs on a device's hooks. */
export type HookPrograms = Readonly<Record<TcxHook, readonly number[]>>;

/** What runs where on a device. */
interface EntryPlace {
  readonly ifindex: number;
  readonly hook: TcxHook;
  readonly program: BpfProgram;
}

/** The endpoints that have links, of whichever run. */
export class EntryLinks {
  readonly #bpfRoot: string;

  constructor(bpfRoot: string) {
    this.#bpfRoot = bpfRoot;
  }

  ids(): number[] {
    const root = endpointsPinRoot(this.#bpfRoot);
    return existsSync(root) ? readdirSync(root).map(Number).filter(Number.isInteger) : [];
  }

  /** Whether there is a pin, whatever it is that stands there. */
  has(id: number): boolean {
    return entryPrograms.some(({ pin }) => existsSync(this.#pin(id, pin)));
  }

  /** Whether both links are on that device. */
  inPlace({ id, ifindex }: { readonly id: number; readonly ifindex: number }): boolean {
    return entryPrograms.every(({ pin, hook }) => isAttached(this.#pin(id, pin), ifindex, hook));
  }

  /** Devices and programs of the links that are alive. */
  targets(id: number): readonly { readonly ifindex: number; readonly programId: number; readonly hook: TcxHook }[] {
    return entryPrograms.flatMap(({ pin, hook }) => {
      const target = linkTarget(this.#pin(id, pin));
      return target === undefined ? [] : [{ ...target, hook }];
    });
  }

  /** Makes both links; one that is there gets its program without a gap. A new one costs a grace period of the kernel. */
  attach(id: number, ifindex: number, programs: EntryPair): void {
    for (const { hook } of entryPrograms) this.attachOne(id, { ifindex, hook, program: programs[hook] });
  }

  attachOne(id: number, place: EntryPlace): void {
    attachTcx({ ...place, pin: this.#pinOf(id, place.hook) }).close();
  }

  /**
   * Makes one link while the thread goes on, and pins it if `isWanted()` then; false if not. One of a move that was cut
   * short gets the program at once.
   */
  async attachLater(id: number, place: EntryPlace, isWanted: () => boolean): Promise<boolean> {
    const path = this.#pinOf(id, place.hook);
    if (existsSync(path)) {
      this.attachOne(id, place);
      return true;
    }
    using link = await attachTcxLater(place);
    if (!isWanted()) return false;
    mkdirSync(dirname(path), { recursive: true });
    link.pin(path);
    return true;
  }

  /** Ids of all programs on the hooks of a device. Throws when it is gone. */
  programsOn(ifindex: number): HookPrograms {
    return { ingress: queryTcx(ifindex, "ingress"), egress: queryTcx(ifindex, "egress") };
  }

  /** Whether programsOn() would tell the same. */
  stillRun(ifindex: number, { ingress, egress }: HookPrograms): boolean {
    return tcxRuns(ifindex, "ingress", ingress) && tcxRuns(ifindex, "egress", egress);
  }

  /** Removes the pins; the kernel takes the links off some milliseconds later. No error when there are none. */
  unpin(id: number): void {
    rmSync(join(endpointsPinRoot(this.#bpfRoot), String(id)), { recursive: true, force: true });
  }

  /** Takes the links off at once. */
  remove(id: number): void {
    for (const { pin } of entryPrograms) {
      const path = this.#pin(id, pin);
      if (linkTarget(path) === undefined) continue;
      using link = BpfLink.openPinned(path);
      link.detach();
    }
    this.unpin(id);
  }

  /** Whether there is a folder for links without any: it would count as an attached endpoint. */
  isEmpty(id: number): boolean {
    const folder = dirname(this.#pin(id, "-"));
    return existsSync(folder) && readdirSync(folder).length === 0;
  }

  #pinOf(id: number, hook: TcxHook): string {
    const { pin } = entryPrograms.find((entry) => entry.hook === hook) ?? { pin: hook };
    return this.#pin(id, pin);
  }

  #pin(id: number, pin: string): string {
    return endpointLinkPin(this.#bpfRoot, id, pin);
  }
}
