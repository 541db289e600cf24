// SPDX-License-Identifier: Apache-2.0
// The datapath of one node: brings devices, maps, programs and routes up, and keeps them so.
import { createLogger, toError } from "../core/index.ts";
import {
  ktimeNs,
  type Link,
  type NetlinkEvent,
  probeFeature,
  type Route,
  Rtnetlink,
  requireFeature,
} from "../kernel/index.ts";
import { ensureBpffs } from "./bpffs.ts";
import { removeDatapath } from "./cleanup/remove.ts";
import { ensureAddresses } from "./devices/addresses.ts";
import { ensureDevices, removeOtherTunnels } from "./devices/device-keeper.ts";
import { ownDevices, tunnelOf } from "./devices/names.ts";
import {
  concernsOutward,
  isNodeAddress,
  OutwardDevices,
  usesOutwardDevices,
  writeHostAddresses,
} from "./devices/outward.ts";
import { ensureSysctls } from "./devices/sysctls.ts";
import { DatapathError } from "./errors.ts";
import { createEventReader } from "./events/reader.ts";
import type { EventReader, EventReaderOptions } from "./events/types.ts";
import { ensureIpvlanMaster, removeIpvlanMaster } from "./ipvlan/master.ts";
import { PodFilters } from "./ipvlan/pod-filters.ts";
import { type AttachMode, hookWays } from "./loader/device-hooks.ts";
import { EndpointLinks } from "./loader/endpoint-links.ts";
import { NodePrograms } from "./loader/programs.ts";
import { MachineNotes } from "./machine-notes.ts";
import { mapNames, mapPinRoot } from "./maps/names.ts";
import { PinnedMaps } from "./maps/open.ts";
import { Masquerade, type MasqueradeState } from "./masquerade/masquerade.ts";
import { findMtu } from "./mtu.ts";
import { ObjectStatus } from "./object-status.ts";
import { ProgramSwitch } from "./program-switch.ts";
import { EndpointRoutes } from "./routes/endpoint-routes.ts";
import { NodeRoutes } from "./routes/node-routes.ts";
import { type Sweeper, type SweepRun, type SweepTotals, sweeper } from "./sweep.ts";
import type { Datapath, DatapathConfig, DatapathObjectRow, EndpointDevice, MtuInfo, RemoteNode } from "./types.ts";
import { watchKernel } from "./watcher.ts";

/** Without one of these the programs do not load, or the devices cannot be made. */
const neededFeatures = ["redirect_peer", "ringbuf", "lpm_trie", "lru_hash", "percpu_hash", "veth"] as const;

const BEAT = 500;
/** Beats between two whole passes. */
const WHOLE_BEATS = 20;
/** Beats between two looks at the sysctls: reading them is half of what an idle agent does. */
const SYSCTL_BEATS = 4;
const GATHER = 20;
const DEFAULT_SWEEP_SECONDS = 60;

/**
 * The datapath of the network namespace that the process is in. Nothing happens before `start()`. `onSwept` is called for
 * each sweep of a map of flows.
 */
export function createDatapath(config: DatapathConfig, onSwept?: (run: SweepRun) => void): Datapath {
  return new NodeDatapath(config, onSwept);
}

class NodeDatapath implements Datapath {
  readonly #config: DatapathConfig;
  readonly #onSwept: ((run: SweepRun) => void) | undefined;
  readonly #log = createLogger("datapath");
  readonly #programs: NodePrograms;
  readonly #switch: ProgramSwitch;
  #endpoints: EndpointLinks;
  readonly #routes: NodeRoutes;
  readonly #endpointRoutes: EndpointRoutes;
  readonly #podFilters: PodFilters;
  /** An earlier run may have had ipvlan pods. */
  #mayHaveIpvlan = true;
  readonly #status: ObjectStatus;
  readonly #outward: OutwardDevices;
  readonly #masquerade = new Masquerade();
  #natSweeper: Sweeper | undefined;
  #ctSweeper: Sweeper | undefined;
  #maps: PinnedMaps | undefined;
  #mtu: MtuInfo | undefined;
  #rtnl: Rtnetlink | undefined;
  #stops: Disposable[] = [];
  #beats = 0;
  /** Of the node's own devices, as the last pass found them. */
  #indexes: ReadonlySet<number> = new Set();

  constructor(config: DatapathConfig, onSwept: ((run: SweepRun) => void) | undefined) {
    this.#config = config;
    this.#onSwept = onSwept;
    this.#outward = new OutwardDevices(config);
    const hooks = hookWays(
      config.bpfRoot,
      () => this.#running().rtnl,
      () => this.attachMode,
    );
    this.#programs = new NodePrograms(config, hooks);
    this.#endpoints = this.#createEndpoints();
    this.#switch = new ProgramSwitch({
      ...{ config, programs: this.#programs, outward: this.#outward, log: this.#log },
      endpoints: () => this.#endpoints,
    });
    this.#routes = new NodeRoutes(config);
    this.#endpointRoutes = new EndpointRoutes(config.endpointRoutes === true, () => this.#running().rtnl);
    this.#podFilters = new PodFilters(this.#programs);
    this.#status = new ObjectStatus((row, noted) => this.#report(row, noted));
  }

  get maps(): PinnedMaps {
    return this.#maps ?? notStarted("maps");
  }

  get mtu(): MtuInfo {
    return this.#mtu ?? notStarted("MTU");
  }

  get attachMode(): AttachMode {
    return this.#config.enableTcx !== false && probeFeature("tcx").available ? "tcx" : "tc";
  }

  async start(): Promise<void> {
    const { bpfRoot } = this.#config;
    const tunnel = tunnelOf(this.#config);
    for (const feature of neededFeatures) requireFeature(feature);
    if (this.attachMode === "tc") requireFeature("clsact");
    if (this.#config.ipvlanMaster !== undefined) requireFeature("ipvlan");
    for (const feature of tunnel === undefined ? [] : (["tunnel_key", tunnel] as const)) requireFeature(feature);
    const notes = new MachineNotes(this.#config, this.#log);
    ensureBpffs(bpfRoot, (folders) => notes.mount(folders));
    this.#rtnl ??= new Rtnetlink();
    try {
      notes.sysctls(this.#rtnl);
      this.#mtu = findMtu(this.#rtnl, this.#config);
      this.#endpoints.adopt();
      const [first] = this.#pass();
      if (first !== undefined) throw first;
      this.#maps ??= new PinnedMaps(mapPinRoot(bpfRoot));
      this.#writeRuntimeConfig(this.#maps);
      this.#writeHostAddresses(this.#maps);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#watch();
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop[Symbol.dispose]();
    this.#endpoints.stop();
    this.#endpoints = this.#createEndpoints();
    this.#programs.close();
    this.#maps?.[Symbol.dispose]();
    this.#maps = undefined;
    this.#rtnl?.close();
    this.#rtnl = undefined;
  }

  async destroy(): Promise<void> {
    await this.stop();
    const { bpfRoot, machineRecord } = this.#config;
    const { remaining } = await removeDatapath({
      bpfRoot,
      scope: "all",
      ...(machineRecord === undefined ? {} : { machineRecord }),
    });
    const [first] = remaining.filter(({ kind, held }) => held !== true && kind !== "mount" && kind !== "sysctl");
    if (first !== undefined) throw new DatapathError(`Cannot remove ${first.kind} "${first.name}": ${first.why}`);
  }

  async attachEndpoint(endpoint: EndpointDevice): Promise<void> {
    this.#running();
    if (endpoint.slave !== undefined) {
      this.#podFilters.ensure(endpoint.id, endpoint.slave);
      return;
    }
    this.#endpoints.attach(endpoint);
    this.#endpointRoutes.ensure(endpoint, { isNew: true });
  }

  async detachEndpoint(id: number): Promise<void> {
    this.#podFilters.forget(id);
    this.#endpoints.detach(id);
    this.#endpointRoutes.remove(id);
  }

  async ensureEndpointAttached(endpoint: EndpointDevice): Promise<boolean> {
    this.#running();
    if (endpoint.slave !== undefined) return this.#podFilters.ensure(endpoint.id, endpoint.slave);
    const attached = this.#endpoints.ensure(endpoint);
    this.#endpointRoutes.ensure(endpoint, { isNew: !attached });
    return attached;
  }

  expectEndpoints(ids: readonly number[]): void {
    this.#endpoints.expect(ids);
  }

  attachedEndpoints(): readonly number[] {
    return this.#endpoints.list();
  }

  async setRemoteNodes(nodes: readonly RemoteNode[]): Promise<void> {
    this.#routes.setNodes(nodes);
    if (this.#rtnl !== undefined && this.#mtu !== undefined) this.#pass();
  }

  createEventReader(options: EventReaderOptions = {}): EventReader {
    return createEventReader(this.maps.raw(mapNames.events), () => this.maps.runtimeConfig.lostEvents(), options);
  }

  status(): readonly DatapathObjectRow[] {
    return this.#status.rows();
  }

  hostFirewallDevices(): readonly string[] {
    return this.#config.hostFirewall === true ? this.#outward.names : [];
  }

  setMasqueradeExclusions(prefixes: readonly string[]): void {
    if (this.#config.masquerade !== undefined) this.#masquerade.exclude(prefixes, this.maps);
  }

  masquerading(): MasqueradeState {
    return this.#masquerade.state;
  }

  /** Compares everything with what it should be and puts it right; returns what failed. */
  #pass(): readonly Error[] {
    const { rtnl, mtu } = this.#running();
    this.#status.begin();
    const devices = ensureDevices(rtnl, this.#status, this.#config, mtu.device);
    this.#indexes = new Set(Object.values<Link | undefined>({ ...devices }).flatMap((link) => link?.ifindex ?? []));
    ensureSysctls(this.#status, this.#config);
    if (devices.host !== undefined) this.#ensureRoutes(devices.host.ifindex);
    this.#outward.noteMissing(rtnl, this.#status);
    if (this.#outward.look(rtnl) && this.#maps !== undefined) this.#writeHostAddresses(this.#maps);
    if (this.#masquerade.keep(this.#outward.masquerading, this.#maps)) this.#natSweeper?.sweep();
    this.#switch.ensure(rtnl, this.#status, devices);
    this.#ensureIpvlan(rtnl);
    this.#endpoints.keepAttached(this.#status, (ifindex) => rtnl.link(ifindex) !== undefined);
    if (this.#switch.isDone) removeOtherTunnels(rtnl, this.#status, this.#config);
    return this.#status.end();
  }

  #ensureIpvlan(rtnl: Rtnetlink): void {
    const { enableIpv4, enableIpv6, ipvlanMaster } = this.#config;
    if (ipvlanMaster !== undefined) {
      ensureIpvlanMaster(rtnl, this.#status, { enableIpv4, enableIpv6, ipvlanMaster });
    } else if (this.#mayHaveIpvlan) {
      this.#status.keep("device", "ipvlan (to go)", () => removeIpvlanMaster(rtnl));
      this.#mayHaveIpvlan = false;
    }
  }

  #ensureRoutes(hostIfindex: number): void {
    const { rtnl, mtu } = this.#running();
    ensureAddresses(rtnl, this.#status, hostIfindex, this.#routerAddresses());
    const endpointsRouted = this.#endpoints.list().every((id) => this.#endpointRoutes.has(id));
    this.#routes.ensure(rtnl, this.#status, { hostIfindex, mtu, endpointsRouted });
    this.#endpointRoutes.keep(this.#status, (ifindex) => rtnl.link(ifindex)?.up === true);
  }

  /** Looks at what changes without notification: sysctls and programs. */
  #glance(): void {
    const { rtnl } = this.#running();
    if (this.#beats % SYSCTL_BEATS === 0) ensureSysctls(this.#status, this.#config);
    // Of filters there are notifications.
    if (this.attachMode === "tc") return;
    if (this.#programs.stillRun()) this.#endpoints.glance(this.#status, (ifindex) => rtnl.link(ifindex) !== undefined);
    else this.#pass();
  }

  #createEndpoints(): EndpointLinks {
    const options = { bpfRoot: this.#config.bpfRoot, mode: () => this.attachMode };
    return new EndpointLinks(options, this.#programs, () => this.#running().rtnl);
  }

  #watch(): void {
    const ours = ownDevices(this.#config);
    const relevant = (event: NetlinkEvent): boolean => {
      if (event.kind === "filter") return event.change === "delete" && this.#isFiltered(event.ifindex);
      // Link-local ones come with every device; those of our own are put back.
      if (event.kind === "address")
        return isNodeAddress(event.address.address) || this.#indexes.has(event.address.ifindex);
      if (usesOutwardDevices(this.#config) && concernsOutward(event)) return true;
      if (event.kind === "link") return ours.includes(event.link.name) || this.#programs.isOn(event.link.ifindex);
      return event.kind === "route" && this.#isRouteRelevant(event.route);
    };
    this.#stops.push(
      watchKernel({
        filters: this.attachMode === "tc",
        onEvent: (event) => this.#routes.hear(event),
        relevant,
        onChange: () => this.#look(true),
        onBeat: () => this.#onBeat(),
        beat: BEAT,
        gather: GATHER,
      }),
    );
    const seconds = this.#config.ctSweepInterval ?? DEFAULT_SWEEP_SECONDS;
    const sweeps = { seconds, onSwept: this.#onSwept };
    const sweep = (signal: AbortSignal) => this.maps.conntrack.sweepExpired(signal);
    this.#ctSweeper = sweeper({ ...sweeps, what: "conntrack", sweep });
    this.#stops.push(this.#ctSweeper);
    if (this.#config.masquerade === undefined) return;
    this.#natSweeper = this.#masquerade.sweeper(sweeps, () => this.maps);
    this.#stops.push(this.#natSweeper);
  }

  sweeps(): readonly SweepTotals[] {
    return [this.#ctSweeper, this.#natSweeper].flatMap((each) => each?.totals ?? []);
  }

  /** Of our own devices, and what goes of those of pods and of other nodes. */
  #isRouteRelevant(route: Route): boolean {
    const { ifindex = 0 } = route;
    return this.#indexes.has(ifindex) || this.#endpointRoutes.isOn(ifindex) || this.#routes.concerns(route);
  }

  /** Whether filters of ours belong on the device. */
  #isFiltered(ifindex: number): boolean {
    return this.#programs.isOn(ifindex) || this.#endpoints.isFiltered(ifindex);
  }

  /** Between whole passes, notifications tell what happens to devices, addresses and routes. */
  #isWholeDue(): boolean {
    return ++this.#beats % WHOLE_BEATS === 0 || !this.#switch.isDone || this.#status.failing;
  }

  #onBeat(): void {
    const whole = this.#isWholeDue();
    if (whole) this.#routes.age();
    this.#look(whole);
  }

  #look(whole: boolean): void {
    try {
      if (whole) this.#pass();
      else this.#glance();
      this.#switch.retire();
      this.maps.runtimeConfig.setAgentLiveness(ktimeNs());
    } catch (error) {
      this.#log.error("Cannot check the datapath", { error: toError(error) });
    }
  }

  #writeRuntimeConfig({ runtimeConfig }: PinnedMaps): void {
    runtimeConfig.setMonitorAggregation(this.#config.monitorAggregation);
    runtimeConfig.setMonitorInterval(this.#config.monitorInterval);
    runtimeConfig.setEvents(this.#config.monitorEvents ?? { drop: true, trace: true, policyVerdict: true });
    runtimeConfig.setAgentLiveness(ktimeNs());
  }

  /** The node's own addresses in cilium_lxc; those of an earlier configuration go. Flows are asked anew whom they lead to. */
  #writeHostAddresses({ lxc, runtimeConfig }: PinnedMaps): void {
    const { nodeIpv4, nodeIpv6 } = this.#config;
    const known = [nodeIpv4, nodeIpv6, ...this.#routerAddresses()].filter((address) => address !== undefined);
    const changed = writeHostAddresses(lxc, [...new Set([...known, ...this.#outward.addresses])]);
    if (changed) runtimeConfig.bumpIpcacheRevision();
  }

  #routerAddresses(): string[] {
    const { enableIpv4, enableIpv6, routerIpv4, routerIpv6 } = this.#config;
    return [enableIpv4 ? routerIpv4 : undefined, enableIpv6 ? routerIpv6 : undefined].filter((a) => a !== undefined);
  }

  #running(): { rtnl: Rtnetlink; mtu: MtuInfo } {
    if (this.#rtnl === undefined || this.#mtu === undefined) return notStarted("datapath");
    return { rtnl: this.#rtnl, mtu: this.#mtu };
  }

  #report(row: DatapathObjectRow, noted: boolean): void {
    const fields = { kind: row.kind, name: row.name };
    if (noted) this.#log.warn("Not as configured", { ...fields, reason: row.error });
    else if (row.state === "error") this.#log.error("Cannot keep datapath object", { ...fields, error: row.error });
    else this.#log.warn("Datapath object repaired", { ...fields, repairs: row.repairs });
  }
}

function notStarted(what: string): never {
  throw new DatapathError(`Cannot use the ${what}: the datapath is not started`);
}
