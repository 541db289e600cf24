// SPDX-License-Identifier: Apache-2.0
// Keeps the maps of masquerading as they should be: devices' addresses and excluded prefixes; lets ended flows go.

import type { PinnedMaps } from "../maps/open.ts";
import { type Sweeper, type SweeperOptions, sweeper } from "../sweep.ts";
import { chooseAddresses, type MasqueradeCandidate, type MasqueradeDevice } from "./devices.ts";

/** What masquerading does now. */
export interface MasqueradeState {
  readonly devices: readonly MasqueradeDevice[];
  readonly exclusions: readonly string[];
}

/** Until somebody has said which prefixes are excluded, what an earlier run wrote stays in force. */
export class Masquerade {
  #candidates: readonly MasqueradeCandidate[] = [];
  #devices: readonly MasqueradeDevice[] = [];
  #exclusions: readonly string[] | undefined;
  #written = "";

  get state(): MasqueradeState {
    return { devices: this.#devices, exclusions: this.#exclusions ?? [] };
  }

  /** Takes what is excluded from now on; prefixes of both families. */
  exclude(prefixes: readonly string[], maps: PinnedMaps): void {
    maps.ipmasq.replace(prefixes);
    this.#exclusions = [...prefixes];
    this.#write(maps);
  }

  /** Takes the devices as the last look found them; true when what leaves gets other addresses than before. */
  keep(candidates: readonly MasqueradeCandidate[], maps: PinnedMaps | undefined): boolean {
    this.#candidates = candidates;
    if (maps !== undefined && this.#exclusions !== undefined) return this.#write(maps);
    this.#choose(maps);
    return false;
  }

  /** Frees flows that have ended, and those of pods and addresses that are gone, every so many seconds. */
  sweeper(how: Pick<SweeperOptions, "seconds" | "onSwept">, maps: () => PinnedMaps): Sweeper {
    const sweep = (signal: AbortSignal) => {
      const { lxc, nat, masqueradeDevices } = maps();
      this.#choose({ masqueradeDevices });
      const pods = lxc.list().filter(({ host }) => !host);
      const addresses = this.#devices.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]).filter((ip) => ip !== undefined);
      return nat.sweep({ pods: new Set(pods.map(({ address }) => address)), addresses: new Set(addresses) }, signal);
    };
    return sweeper({ ...how, what: "masqueraded flows", sweep });
  }

  /** Before anything was written, what an earlier run wrote is what devices gave before. */
  #choose(maps: Pick<PinnedMaps, "masqueradeDevices"> | undefined): void {
    const before = this.#written === "" ? (maps?.masqueradeDevices.list() ?? []) : this.#devices;
    this.#devices = chooseAddresses(this.#candidates, before);
  }

  #write(maps: PinnedMaps): boolean {
    const { masqueradeDevices: map } = maps;
    this.#choose(maps);
    const text = JSON.stringify(this.#devices);
    if (text === this.#written) return false;
    const wanted = new Set(this.#devices.map(({ ifindex }) => ifindex));
    map.upsertMany(this.#devices);
    map.deleteMany(map.list().filter(({ ifindex }) => !wanted.has(ifindex)));
    this.#written = text;
    return true;
  }
}
