// SPDX-License-Identifier: Apache-2.0
// Who uses the ports of masquerading, for metrics and tables.
import { type Datapath, type NatDestination, natStats } from "../../src/datapath/index.ts";
import { ktimeNs } from "../../src/kernel/index.ts";

/** Reading a full table takes a second. Milliseconds. */
const HOLDS = 30_000;
/** Destinations of a family; as many as Cilium keeps. */
const TOP = 32;

/** Destinations with most masqueraded flows. What was read is held for 30 s, whoever asks. */
export class NatUse {
  readonly #datapath: Pick<Datapath, "maps" | "masquerading">;
  readonly #held = new Map<4 | 6, { readonly at: number; readonly destinations: readonly NatDestination[] }>();

  constructor(datapath: Pick<Datapath, "maps" | "masquerading">) {
    this.#datapath = datapath;
  }

  /** Most flows first; undefined where nothing is masqueraded. Throws SyscallError when the map cannot be read. */
  top(family: 4 | 6): readonly NatDestination[] | undefined {
    if (this.#datapath.masquerading().devices.length === 0) {
      this.#held.delete(family);
      return undefined;
    }
    const now = performance.now();
    const before = this.#held.get(family);
    if (before !== undefined && now - before.at < HOLDS) return before.destinations;
    const seconds = Number(ktimeNs() / 1_000_000_000n);
    const { destinations } = natStats(this.#datapath.maps.nat.list(family), seconds, TOP);
    this.#held.set(family, { at: now, destinations });
    return destinations;
  }
}
