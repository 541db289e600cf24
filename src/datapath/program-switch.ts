// SPDX-License-Identifier: Apache-2.0
// Which programs the node's hooks run: loads them, puts them on all hooks together, and removes those that ran before.
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "../core/index.ts";
import type { Link, Rtnetlink } from "../kernel/index.ts";
import { Backoff } from "./backoff.ts";
import { type Devices, takeTunnelPort } from "./devices/device-keeper.ts";
import { tunnelOf } from "./devices/names.ts";
import type { OutwardDevices } from "./devices/outward.ts";
import { findUnderlay } from "./devices/underlay.ts";
import type { HookDevices } from "./loader/attachments.ts";
import type { EndpointLinks } from "./loader/endpoint-links.ts";
import type { ProgramPlaces } from "./loader/node-values.ts";
import type { NodePrograms } from "./loader/programs.ts";
import { settleReplaced } from "./maps/migration.ts";
import { mapPinRoot } from "./maps/names.ts";
import type { ObjectStatus } from "./object-status.ts";
import type { DatapathConfig } from "./types.ts";

/** Milliseconds. */
const RETIRE = 300;
const RETRY = 5000;
const RELOAD_FIRST = 2000;
const RELOAD_LONGEST = 60_000;
/** ifindex of lo in every namespace. */
const LOOPBACK = 1;

export interface ProgramSwitchDeps {
  readonly config: DatapathConfig;
  readonly programs: NodePrograms;
  readonly endpoints: () => EndpointLinks;
  readonly outward: OutwardDevices;
  readonly log: Logger;
}

/** The programs of one node, on its devices and its endpoints' alike. */
export class ProgramSwitch {
  readonly #deps: ProgramSwitchDeps;
  /** Verification takes half a second of CPU, so a failed one is not tried again with each beat. */
  readonly #loads = new Backoff(RELOAD_FIRST, RELOAD_LONGEST);
  #isDone = false;
  /** When what the loaded programs replaced may go; undefined: it is gone. Milliseconds of performance.now(). */
  #retireAt: number | undefined;

  constructor(deps: ProgramSwitchDeps) {
    this.#deps = deps;
  }

  /** Whether all hooks have the loaded programs. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Loads and switches where that is due, and puts back what others took off the devices; errors go to `status`. */
  ensure(rtnl: Rtnetlink, status: ObjectStatus, { host, tunnel }: Devices): void {
    if (tunnel === undefined && tunnelOf(this.#deps.config) !== undefined) return;
    const underlay = tunnel === undefined ? undefined : findUnderlay(rtnl, this.#deps.config);
    const known = [host, tunnel, underlay].filter((link) => link !== undefined);
    const ifindexOf = (device: string) =>
      device === "lo"
        ? LOOPBACK
        : (known.find(({ name }) => name === device)?.ifindex ?? this.#deps.outward.ifindexOf(device));
    const { ipvlanMaster } = this.#deps.config;
    const loopback = ipvlanMaster === undefined ? undefined : "lo";
    const places = { outward: this.#deps.outward.names, underlay: underlay?.name, tunnel: tunnel?.name, loopback };
    const wanted: ProgramPlaces = { tunnelIfindex: tunnel?.ifindex ?? 0, ...this.#ipvlanPlace(host) };
    status.keep("link", "programs", () => {
      // A new device is a new constant in the programs.
      const loaded = isDeepStrictEqual(this.#deps.programs.places, wanted);
      if (loaded && this.#isDone) return false;
      this.#isDone = false;
      if (!loaded) this.#loads.run(() => this.#deps.programs.load(wanted));
      this.#switch(rtnl, ifindexOf, places);
      this.#isDone = true;
      return true;
    });
    for (const { name, reason } of this.#deps.programs.keptSizes) status.note("map", name, reason);
    if (this.#deps.programs.places !== undefined) this.#deps.programs.keepAttached(status, ifindexOf, places);
  }

  /** Without its master there are no ipvlan pods: programs know of none until it is there. */
  #ipvlanPlace(host: Link | undefined): Pick<ProgramPlaces, "ipvlan"> {
    const { ipvlanMaster } = this.#deps.config;
    const masterIfindex = ipvlanMaster === undefined ? undefined : this.#deps.outward.ifindexOf(ipvlanMaster);
    if (masterIfindex === undefined || host === undefined) return {};
    return { ipvlan: { masterIfindex, stackIfindex: host.ifindex, stackMac: host.mac } };
  }

  /** Later than the last packet that was in an earlier program: removes those, and the maps that only they used. */
  retire(): void {
    if (this.#retireAt === undefined || performance.now() < this.#retireAt) return;
    if (!this.#deps.endpoints().allCurrent()) {
      this.#retireAt += RETRY;
      this.#isDone = false;
      return;
    }
    settleReplaced(mapPinRoot(this.#deps.config.bpfRoot), { end: true });
    if (this.#deps.programs.hasOlder()) this.#deps.programs.removeOlder();
    this.#retireAt = undefined;
  }

  /** All hooks get the loaded programs; flows that the earlier ones wrote to replaced maps come along. */
  #switch(rtnl: Rtnetlink, ifindexOf: (device: string) => number | undefined, places: HookDevices): void {
    using entries = this.#deps.endpoints().prepare();
    takeTunnelPort(rtnl, this.#deps.config);
    this.#deps.programs.commit();
    this.#deps.programs.attach(ifindexOf, places);
    entries.replace();
    settleReplaced(mapPinRoot(this.#deps.config.bpfRoot), { end: false });
    for (const [endpoint, error] of entries.failed) {
      this.#deps.log.error("Cannot replace an endpoint's programs, it keeps those it has", { endpoint, error });
    }
    this.#retireAt ??= performance.now() + RETIRE;
  }
}
