// SPDX-License-Identifier: Apache-2.0
// Entry programs as clsact filters: in place in 0.1 ms, where a tcx link waits for two grace periods of the kernel.
// A new endpoint begins with them and moves to links a little later (promotion.ts), if the kernel has such links.
import { BpfProgram, type Filter, type Rtnetlink } from "../../kernel/index.ts";
import type { EndpointDevice } from "../types.ts";
import { removeFilter } from "./device-hooks.ts";
import { type EntryPair, entryPrograms } from "./entry-programs.ts";

/** An endpoint that is on filters. */
export interface OnFilters {
  readonly ifindex: number;
  /** Ids of the programs, in the order of `entryPrograms`; 0 where there is none. */
  readonly programIds: readonly number[];
}

/** Filters of entry programs in the namespace of `rtnl`; the number of a filter is its endpoint's id. */
export function findEntryFilters(rtnl: Rtnetlink): Filter[] {
  return rtnl
    .clsactDevices()
    .flatMap((ifindex) =>
      entryPrograms.flatMap(({ hook, program }) =>
        rtnl.clsactFilters(ifindex, hook).filter(({ name }) => name === program),
      ),
    );
}

/** The endpoints that are on filters. */
export class EntryFilters {
  readonly #rtnl: () => Rtnetlink;
  readonly #held = new Map<number, OnFilters>();

  constructor(rtnl: () => Rtnetlink) {
    this.#rtnl = rtnl;
  }

  /** Finds what an earlier run left. */
  adopt(): void {
    for (const [id, filters] of Map.groupBy(findEntryFilters(this.#rtnl()), ({ handle }) => handle)) {
      const [first] = filters;
      if (first === undefined) continue;
      const { ifindex } = first;
      this.#held.set(id, { ifindex, programIds: this.#programIds(ifindex, id) });
    }
  }

  ids(): IterableIterator<number> {
    return this.#held.keys();
  }

  /** The same object until the endpoint's filters are attached anew or removed. */
  get(id: number): OnFilters | undefined {
    return this.#held.get(id);
  }

  /** Makes filters, or gives those that are there other programs without a gap. */
  attach(id: number, ifindex: number, programs: EntryPair): void {
    const rtnl = this.#rtnl();
    rtnl.addClsact(ifindex);
    for (const { hook, program: name } of entryPrograms) {
      rtnl.attachClsact({ program: programs[hook], name, ifindex, hook, handle: id });
    }
    this.#held.set(id, { ifindex, programIds: entryPrograms.map(({ hook }) => programs[hook].id) });
  }

  /** Whether both filters are on that device, with the programs that were put there. */
  inPlace({ id, ifindex }: EndpointDevice): boolean {
    const held = this.#held.get(id);
    if (held?.ifindex !== ifindex) return false;
    return this.#programIds(ifindex, id).every((program, i) => program !== 0 && program === held.programIds[i]);
  }

  /** The programs of an endpoint's filters; the caller closes them. Throws ENOENT when somebody else removed them. */
  open(held: OnFilters): BpfProgram[] {
    return held.programIds.filter((program) => program !== 0).map((program) => BpfProgram.fromId(program));
  }

  /** No error when there are none, and when the device is gone. */
  remove(id: number): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    for (const { hook } of entryPrograms) {
      removeFilter(this.#rtnl(), { ifindex: held.ifindex, hook, handle: id });
    }
    this.#held.delete(id);
  }

  #programIds(ifindex: number, id: number): number[] {
    return entryPrograms.map(({ hook, program }) => {
      const filters = this.#rtnl().clsactFilters(ifindex, hook);
      return filters.find(({ handle, name }) => handle === id && name === program)?.programId ?? 0;
    });
  }
}
