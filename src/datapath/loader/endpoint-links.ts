// SPDX-License-Identifier: Apache-2.0
// Entry programs of endpoints: a dozen instructions each, on both hooks of the host-side device, kept by pinned links.
// A new endpoint has them as filters first, which takes no grace period of the kernel; without tcx it stays on them.
import { toError } from "../../core/index.ts";
import { BpfProgram, Errno, type Rtnetlink, SyscallError } from "../../kernel/index.ts";
import { datapathError } from "../errors.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { EndpointDevice } from "../types.ts";
import type { AttachMode } from "./device-hooks.ts";
import { EntryFilters } from "./entry-filters.ts";
import { EntryLinks, type HookPrograms } from "./entry-links.ts";
import { EntryPair, entryPrograms } from "./entry-programs.ts";
import { EntryStock } from "./entry-stock.ts";
import { PreparedEntries } from "./prepared-entries.ts";
import type { NodePrograms } from "./programs.ts";
import { Promotions } from "./promotion.ts";

/** A whole check of an endpoint's links is made once in so many beats, half a minute. */
const wholeCheckBeats = 60;

/** Entry programs of the endpoints of one node, on links or still on filters. */
export class EndpointLinks {
  readonly #programs: NodePrograms;
  readonly #mode: () => AttachMode;
  readonly #links: EntryLinks;
  readonly #filters: EntryFilters;
  readonly #rtnl: () => Rtnetlink;
  readonly #promotions: Promotions;
  readonly #stock = new EntryStock((id) => this.#load(id));
  /** Those that this process attached or checked; they are kept in place. */
  readonly #kept = new Map<number, EndpointDevice>();
  /** What the last whole check of an endpoint found. */
  readonly #running = new Map<number, HookPrograms>();
  /** Devices that went down with their endpoints, and may be there still. */
  readonly #down = new Set<number>();
  #beat = 0;
  /** The kernel has no clsact: endpoints begin with links. */
  #linksOnly = false;

  /** Why endpoints could not move to links; they are on filters until they can. */
  readonly #stuck = new Map<number, Error>();

  constructor(
    { bpfRoot, mode }: { readonly bpfRoot: string; readonly mode: () => AttachMode },
    programs: NodePrograms,
    rtnl: () => Rtnetlink,
  ) {
    this.#programs = programs;
    this.#mode = mode;
    this.#links = new EntryLinks(bpfRoot);
    this.#filters = new EntryFilters(rtnl);
    this.#rtnl = rtnl;
    this.#promotions = new Promotions(
      (id) => this.#promote(id),
      (id, error) => this.#stuck.set(id, datapathError(`Cannot link endpoint "${id}"`, error)),
    );
  }

  /** Takes over the filters that an earlier run left; links are known by their pins. */
  adopt(): void {
    this.#filters.adopt();
  }

  /** Endpoints that are on filters stay there. */
  stop(): void {
    this.#promotions[Symbol.dispose]();
    this.#stock[Symbol.dispose]();
  }

  /** Ids of endpoints that will come next. */
  expect(ids: readonly number[]): void {
    this.#stock.expect(ids);
  }

  /**
   * Loads (1 ms) and makes links; a link that is there gets the new program without a gap. A new link costs one RCU
   * grace period, 5 to 25 ms, in the kernel. Without tcx: filters.
   */
  attach(endpoint: EndpointDevice): void {
    if (this.#mode() === "tc") {
      this.#attachFilters(endpoint);
      return;
    }
    this.#attachBy(endpoint, () => {
      using programs = this.#stock.take(endpoint.id);
      this.#links.attach(endpoint.id, endpoint.ifindex, programs);
      this.#filters.remove(endpoint.id);
    });
  }

  /**
   * True when the programs that are loaded now are in place already, else attaches: to links that are there, or by
   * filters, which become links later.
   */
  ensure(endpoint: EndpointDevice): boolean {
    const { id } = endpoint;
    const linked = this.#links.inPlace(endpoint);
    const pinned = linked || this.#links.has(id);
    if (((linked && this.#mode() === "tcx") || (!pinned && this.#filters.inPlace(endpoint))) && this.#isCurrent(id)) {
      this.#kept.set(id, endpoint);
      if (linked) this.#filters.remove(id);
      else if (this.#mode() === "tcx") this.#promotions.add(id);
      return true;
    }
    if (pinned || this.#linksOnly) this.attach(endpoint);
    else this.#attachFilters(endpoint);
    return false;
  }

  /** Whether filters of an endpoint that is kept should be on the device. */
  isFiltered(ifindex: number): boolean {
    if (this.#mode() === "tcx") return false;
    for (const endpoint of this.#kept.values()) if (endpoint.ifindex === ifindex) return true;
    return false;
  }

  /**
   * Loads what every endpoint there is needs of the programs that are loaded now, whether or not somebody has named it
   * yet. Replacing them is then a matter of microseconds.
   */
  prepare(): PreparedEntries {
    this.#stock.renew();
    const prepared = new PreparedEntries();
    for (const id of this.list()) {
      if (this.#isCurrent(id) && !this.#leavesLinks(id)) continue;
      try {
        const programs = this.#load(id);
        prepared.add(id, programs, this.#replacements(id, programs));
      } catch (thrown) {
        prepared.failed.set(id, toError(thrown));
      }
    }
    return prepared;
  }

  /** Whether each endpoint's hooks run the programs that are loaded now. */
  allCurrent(): boolean {
    return this.list().every((id) => this.#isCurrent(id));
  }

  /**
   * Sets the device down, since a pod that is still there would be without a policy; removes filters, and the pins. The
   * kernel takes the links off some milliseconds later.
   */
  detach(id: number): void {
    this.#setDown(id);
    this.#promotions.busy();
    this.#promotions.remove(id);
    this.#stock.drop(id);
    this.#kept.delete(id);
    this.#running.delete(id);
    this.#stuck.delete(id);
    this.#filters.remove(id);
    this.#links.unpin(id);
  }

  /** Ids with pinned links or filters. */
  list(): number[] {
    return [...new Set([...this.#links.ids(), ...this.#filters.ids()])].sort((a, b) => a - b);
  }

  /** Puts back what others detached. A device that is gone is left to its owner. */
  keepAttached(status: ObjectStatus, exists: (ifindex: number) => boolean): void {
    this.#beat++;
    for (const endpoint of this.#kept.values()) this.#keep(endpoint, status, exists);
  }

  /** The same where devices do not run what they ran, or a whole check is due; of the others nothing goes to the status. */
  glance(status: ObjectStatus, exists: (ifindex: number) => boolean): void {
    this.#beat++;
    for (const endpoint of this.#kept.values()) if (!this.#isSame(endpoint)) this.#keep(endpoint, status, exists);
  }

  #keep(endpoint: EndpointDevice, status: ObjectStatus, exists: (ifindex: number) => boolean): void {
    const { id, hostDevice, ifindex } = endpoint;
    status.keep("link", `${hostDevice} endpoint ${id}`, () => {
      if (this.#isSame(endpoint)) return false;
      this.#running.delete(id);
      if (this.#mode() === "tcx" && this.#links.inPlace(endpoint)) {
        this.#running.set(id, this.#links.programsOn(ifindex));
        return false;
      }
      const stuck = this.#stuck.get(id);
      const filtered = this.#filters.inPlace(endpoint);
      if (filtered && stuck !== undefined) throw stuck;
      if (filtered || !exists(ifindex)) return false;
      if (this.#filters.get(id) === undefined) this.attach(endpoint);
      else this.#attachFilters(endpoint);
      return true;
    });
  }

  /**
   * Whether the device runs what the last whole check found. A link goes with its pin; whether the pins are as they were
   * is looked at twice a minute. False also when the device is gone: the whole check says what that means.
   */
  #isSame({ id, ifindex }: EndpointDevice): boolean {
    const running = this.#running.get(id);
    if (running === undefined || (this.#beat + id) % wholeCheckBeats === 0) return false;
    return this.#links.stillRun(ifindex, running);
  }

  #attachFilters(endpoint: EndpointDevice): void {
    const { id, ifindex } = endpoint;
    this.#promotions.busy();
    try {
      this.#attachBy(endpoint, () => {
        using programs = this.#stock.take(id);
        this.#filters.attach(id, ifindex, programs);
        if (this.#leavesLinks(id)) this.#links.remove(id);
      });
    } catch (error) {
      this.#linksOnly = this.#mode() === "tcx" && lacksClsact(error);
      if (!this.#linksOnly) throw error;
      this.attach(endpoint);
      return;
    }
    if (this.#mode() === "tcx") this.#promotions.add(id);
  }

  #attachBy(endpoint: EndpointDevice, action: () => void): void {
    const { id, hostDevice } = endpoint;
    try {
      action();
    } catch (error) {
      if (this.#links.isEmpty(id)) this.detach(id);
      throw datapathError(`Cannot attach endpoint "${id}" to device "${hostDevice}"`, error);
    }
    if (this.#down.delete(endpoint.ifindex)) this.#rtnl().setLink(endpoint.ifindex, { up: true });
    this.#kept.set(id, endpoint);
    this.#running.delete(id);
    this.#stuck.delete(id);
  }

  /** The device is the one that the endpoint's programs are on. */
  #setDown(id: number): void {
    const { ifindex } = this.#links.targets(id)[0] ?? this.#filters.get(id) ?? this.#kept.get(id) ?? {};
    if (ifindex === undefined) return;
    for (const gone of this.#down) if (this.#rtnl().link(gone) === undefined) this.#down.delete(gone);
    try {
      this.#rtnl().setLink(ifindex, { up: false });
      this.#down.add(ifindex);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== Errno.ENODEV) throw error;
    }
  }

  /** From filters to links. The links run first as soon as they are there, so that no packet misses both. */
  async #promote(id: number): Promise<void> {
    const endpoint = this.#kept.get(id);
    const held = this.#filters.get(id);
    if (endpoint === undefined || held === undefined || !this.#filters.inPlace(endpoint)) return;
    // Not when the endpoint went, or got other programs, while the kernel made the link.
    const isWanted = () => this.#filters.get(id) === held;
    const programs = this.#filters.open(held);
    try {
      for (const [i, program] of programs.entries()) {
        const hook = entryPrograms[i]?.hook;
        if (hook === undefined) continue;
        if (await this.#links.attachLater(id, { ifindex: held.ifindex, hook, program }, isWanted)) continue;
        if (this.#filters.get(id) !== undefined) this.#promotions.add(id);
        return;
      }
    } finally {
      for (const program of programs) program.close();
    }
    this.#filters.remove(id);
    this.#running.delete(id);
    this.#stuck.delete(id);
  }

  /** What puts other programs in place of those on the links and filters that an endpoint has now. */
  #replacements(id: number, programs: EntryPair): (() => void)[] {
    const targets = this.#links.targets(id);
    const [first] = targets;
    if (this.#leavesLinks(id) && first !== undefined) {
      return [() => this.#filters.attach(id, first.ifindex, programs), () => this.#links.remove(id)];
    }
    const held = this.#filters.get(id);
    const filters = held === undefined ? [] : [() => this.#filters.attach(id, held.ifindex, programs)];
    const links = targets.map(
      ({ ifindex, hook }) =>
        () =>
          this.#links.attachOne(id, { ifindex, hook, program: programs[hook] }),
    );
    return [...links, ...filters];
  }

  /** Links of a run that had them; now there are to be filters. */
  #leavesLinks(id: number): boolean {
    return this.#mode() === "tc" && this.#links.has(id);
  }

  #load(id: number): EntryPair {
    using object = this.#programs.loadEntry(id);
    return EntryPair.of(object);
  }

  /** Of the links and filters that are alive. */
  #isCurrent(id: number): boolean {
    const programs = this.#links.targets(id).map(({ programId }) => programId);
    const filters = this.#filters.get(id)?.programIds.filter((program) => program !== 0) ?? [];
    return [...programs, ...filters].every((program) => this.#owns(program));
  }

  /** A program that is gone, with what somebody detached, is nobody's. */
  #owns(programId: number): boolean {
    try {
      using program = BpfProgram.fromId(programId);
      return this.#programs.owns(program);
    } catch (error) {
      if (error instanceof SyscallError && error.errno === Errno.ENOENT) return true;
      throw error;
    }
  }
}

/** No qdisc or no filter of that kind in this kernel. */
function lacksClsact(error: unknown): boolean {
  const { cause } = error as { readonly cause?: unknown };
  if (!(cause instanceof SyscallError) || cause.call !== "netlink") return false;
  return cause.errno === Errno.EOPNOTSUPP || cause.errno === Errno.ENOENT;
}
