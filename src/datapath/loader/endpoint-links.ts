// SPDX-License-Identifier: Apache-2.0
// Entry programs of endpoints: a dozen instructions each, on both hooks of the host-side device, kept by pinned links.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { toError } from "../../core/index.ts";
import { attachTcx, BpfProgram, queryTcx, type TcxHook } from "../../kernel/index.ts";
import { datapathError } from "../errors.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { EndpointDevice } from "../types.ts";
import { endpointLinkPin, endpointsPinRoot, isAttached, linkTarget } from "./pins.ts";
import type { NodePrograms } from "./programs.ts";

const entries: readonly { program: string; pin: string; hook: TcxHook }[] = [
  { program: "cil_from_container_entry", pin: "cil_from_container", hook: "ingress" },
  { program: "cil_to_container_entry", pin: "cil_to_container", hook: "egress" },
];

interface PreparedLink {
  readonly id: number;
  readonly pin: string;
  readonly hook: TcxHook;
  readonly ifindex: number;
  readonly program: BpfProgram;
}

/** Programs that wait for being put in place. */
export class PreparedEntries implements Disposable {
  /** Endpoints that failed; they go on with the programs that they have. */
  readonly failed = new Map<number, Error>();
  readonly #links: PreparedLink[] = [];

  /** Takes the program over. */
  add(link: PreparedLink): void {
    this.#links.push(link);
  }

  /** Replaces all programs. */
  replace(): void {
    for (const { id, program, ifindex, hook, pin } of this.#links) {
      try {
        attachTcx({ program, ifindex, hook, pin }).close();
      } catch (thrown) {
        this.failed.set(id, toError(thrown));
      }
    }
  }

  [Symbol.dispose](): void {
    for (const { program } of this.#links) program.close();
  }
}

/** A whole check of an endpoint's links is made once in so many beats. */
const wholeCheckBeats = 10;

/** Links of the endpoints of one node. */
export class EndpointLinks {
  readonly #bpfRoot: string;
  readonly #programs: NodePrograms;
  /** Those that this process attached or checked; they are kept in place. */
  readonly #kept = new Map<number, EndpointDevice>();

  /** Program ids, by hook, that the last whole check of an endpoint found. */
  readonly #running = new Map<number, readonly (readonly number[])[]>();
  #beat = 0;

  constructor(bpfRoot: string, programs: NodePrograms) {
    this.#bpfRoot = bpfRoot;
    this.#programs = programs;
  }

  /**
   * Loads (2 ms) and attaches; a link that is there gets the new program without a gap. A new link costs one RCU grace
   * period, 5 to 25 ms, in the kernel.
   */
  attach(endpoint: EndpointDevice): void {
    const { id, hostDevice } = endpoint;
    try {
      this.#replace(endpoint);
    } catch (error) {
      this.#removeEmpty(id);
      throw datapathError(`Cannot attach endpoint "${id}" to device "${hostDevice}"`, error);
    }
    this.#kept.set(id, endpoint);
    this.#running.delete(id);
  }

  /** True when both links are in place already, with the programs that are loaded now; else attaches. */
  ensure(endpoint: EndpointDevice): boolean {
    if (this.#isAttached(endpoint) && this.#isCurrent(endpoint.id)) {
      this.#kept.set(endpoint.id, endpoint);
      return true;
    }
    this.attach(endpoint);
    return false;
  }

  /**
   * Loads what every link there is needs of the programs that are loaded now, whether or not somebody has named its
   * endpoint yet. Replacing them is then a matter of microseconds.
   */
  prepare(): PreparedEntries {
    const prepared = new PreparedEntries();
    for (const id of this.list()) {
      if (this.#isCurrent(id)) continue;
      try {
        using object = this.#programs.loadEntry(id);
        for (const { program, pin, hook } of entries) {
          const path = endpointLinkPin(this.#bpfRoot, id, pin);
          const target = linkTarget(path);
          if (target === undefined) continue;
          prepared.add({ id, pin: path, hook, ifindex: target.ifindex, program: object.program(program).dup() });
        }
      } catch (thrown) {
        prepared.failed.set(id, toError(thrown));
      }
    }
    return prepared;
  }

  /** Whether each link that is alive runs the programs that are loaded now. */
  allCurrent(): boolean {
    return this.list().every((id) => this.#isCurrent(id));
  }

  /** Removes the pins; the kernel takes the links off some milliseconds later. */
  detach(id: number): void {
    this.#kept.delete(id);
    this.#running.delete(id);
    rmSync(join(endpointsPinRoot(this.#bpfRoot), String(id)), { recursive: true, force: true });
  }

  /** Ids with pinned links. */
  list(): number[] {
    const root = endpointsPinRoot(this.#bpfRoot);
    if (!existsSync(root)) return [];
    return readdirSync(root)
      .map(Number)
      .filter((id) => Number.isInteger(id))
      .sort((a, b) => a - b);
  }

  /**
   * Puts back what others detached. A device that is gone is left to its owner. Most beats only ask the device what
   * runs there (a link goes with its pin); whether the pins are as they were is looked at in every tenth.
   */
  keepAttached(status: ObjectStatus, exists: (ifindex: number) => boolean): void {
    this.#beat++;
    for (const endpoint of this.#kept.values()) {
      status.keep("link", `${endpoint.hostDevice} endpoint ${endpoint.id}`, () => {
        if ((this.#beat + endpoint.id) % wholeCheckBeats !== 0 && this.#stillRuns(endpoint)) return false;
        this.#running.delete(endpoint.id);
        if (this.#isAttached(endpoint)) {
          this.#running.set(endpoint.id, this.#programsOn(endpoint));
          return false;
        }
        if (!exists(endpoint.ifindex)) return false;
        this.attach(endpoint);
        return true;
      });
    }
  }

  #replace({ id, ifindex }: EndpointDevice): void {
    using object = this.#programs.loadEntry(id);
    for (const { program, pin, hook } of entries) {
      const path = endpointLinkPin(this.#bpfRoot, id, pin);
      attachTcx({ program: object.program(program), ifindex, hook, pin: path }).close();
    }
  }

  #stillRuns(endpoint: EndpointDevice): boolean {
    const known = this.#running.get(endpoint.id);
    if (known === undefined) return false;
    try {
      return this.#programsOn(endpoint).every((ids, hook) => String(ids) === String(known[hook]));
    } catch {
      // The device is gone: the whole check says what that means.
      return false;
    }
  }

  #programsOn({ ifindex }: EndpointDevice): number[][] {
    return entries.map(({ hook }) => queryTcx(ifindex, hook));
  }

  #targets(id: number) {
    return entries.map(({ pin }) => linkTarget(endpointLinkPin(this.#bpfRoot, id, pin)));
  }

  /** Of the links that are alive. */
  #isCurrent(id: number): boolean {
    return this.#targets(id).every((target) => {
      if (target === undefined) return true;
      using program = BpfProgram.fromId(target.programId);
      return this.#programs.owns(program);
    });
  }

  /** A folder without links would count as an attached endpoint. */
  #removeEmpty(id: number): void {
    const links = dirname(endpointLinkPin(this.#bpfRoot, id, "-"));
    if (existsSync(links) && readdirSync(links).length === 0) this.detach(id);
  }

  #isAttached({ id, ifindex }: EndpointDevice): boolean {
    return entries.every(({ pin, hook }) => {
      const path = endpointLinkPin(this.#bpfRoot, id, pin);
      return existsSync(path) && isAttached(path, ifindex, hook);
    });
  }
}
