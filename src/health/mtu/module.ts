// SPDX-License-Identifier: Apache-2.0
// Measures, one path after the other for as long as it runs, how large packets may be to other nodes and their pods.
import {
  type Clock,
  createLogger,
  type Health,
  ipFamily,
  type Module,
  type ReadonlyTable,
  type Table,
} from "../../core/index.ts";
import type { Netns } from "../../kernel/index.ts";
import { openAllowedPing, Pinger } from "../ping.ts";
import { firstOf } from "../summary.ts";
import { Turns } from "../turns.ts";
import { type HealthRow, healthKey } from "../types.ts";
import { searchMtu, smallestMtu } from "./search.ts";
import { blackHoleText, createPathMtuTable, isBlackHole, type PathMtuRow } from "./types.ts";

const log = createLogger("path-mtu");
const timeoutMs = 1_000;
/** Beside the other probes; a path takes a packet where all is well. */
const schedule = { rate: 2, minIntervalMs: 60_000 };

export interface PathMtuDeps {
  /** Whose addresses are measured. */
  readonly targets: ReadonlyTable<HealthRow, string>;
  /** Bytes that are expected to pass, for the underlay and for pods. */
  readonly mtu: () => { readonly device: number; readonly route: number };
  readonly clock: Clock;
}

export interface PathMtuModule extends Module {
  readonly table: ReadonlyTable<PathMtuRow, string>;
  /** Lets the ways of pods be measured: from the health endpoint's namespace. */
  measureFrom(netns: Netns): void;
}

/** `self`: `cluster/name` of this node. */
export function createPathMtu(deps: PathMtuDeps, self: string): PathMtuModule {
  return new PathMtuProber(deps, self);
}

class PathMtuProber implements PathMtuModule {
  readonly name = "path-mtu";
  readonly table: Table<PathMtuRow, string> = createPathMtuTable();
  readonly #deps: PathMtuDeps;
  readonly #self: string;
  readonly #turns: Turns;
  readonly #hosts = new Pinger((family) => openAllowedPing(family, { probeMtu: true }));
  #pods: Pinger | undefined;
  #watch: Disposable | undefined;
  #stopped = false;

  constructor(deps: PathMtuDeps, self: string) {
    this.#deps = deps;
    this.#self = self;
    // One path at a time, however long it takes.
    this.#turns = new Turns(schedule, deps.clock, (key) => this.#measure(key));
  }

  async start(): Promise<void> {
    for (const row of this.#deps.targets.all()) this.#follow(row);
    this.#watch = this.#deps.targets.onChange((batch) => {
      for (const { kind, row } of batch) kind === "upsert" ? this.#follow(row) : this.#forget(row);
    });
    this.#turns.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#turns[Symbol.dispose]();
    this.#watch?.[Symbol.dispose]();
    this.#hosts[Symbol.dispose]();
    this.#pods?.[Symbol.dispose]();
  }

  measureFrom(netns: Netns): void {
    this.#pods?.[Symbol.dispose]();
    this.#pods = new Pinger((family) => openAllowedPing(family, { probeMtu: true, netns }));
    for (const row of this.#deps.targets.all()) this.#follow(row);
  }

  health(): Health {
    const broken = [...this.table.all()].filter(isBlackHole);
    const message = firstOf(broken.map((row) => blackHoleText(row, this.#self)));
    return message === undefined ? { state: "ok" } : { state: "degraded", message };
  }

  /** This node's own addresses have no path; a health endpoint's is measured from another one. */
  #follow(row: HealthRow): void {
    if (!row.local && (row.kind === "host" || this.#pods !== undefined)) this.#turns.add(healthKey(row));
  }

  #forget(row: HealthRow): void {
    this.#turns.remove(healthKey(row));
    this.table.delete(healthKey(row));
  }

  /** Never rejects: a question that cannot be asked is no answer. */
  async #measure(key: string): Promise<void> {
    const target = this.#deps.targets.get(key);
    if (target === undefined) return;
    const { node, kind, ip } = target;
    const pinger = kind === "host" ? this.#hosts : this.#pods;
    if (pinger === undefined) return;
    const { device, route } = this.#deps.mtu();
    const expected = kind === "host" ? device : route;
    const ask = async (size: number) => !this.#stopped && (await pinger.ping(ip, timeoutMs, size)).ok;
    const measured = await searchMtu(ask, smallestMtu[ipFamily(ip)], expected);
    if (this.#stopped || !this.#deps.targets.has(key)) return;
    const before = this.table.get(key);
    // A path that is down now is as narrow as it was: that it is down, others tell.
    const row = {
      node,
      kind,
      ip,
      expected,
      measured: measured ?? before?.measured,
      lastProbed: this.#deps.clock.now(),
    };
    this.table.upsert(row);
    this.#tell(before, row);
  }

  #tell(before: PathMtuRow | undefined, after: PathMtuRow): void {
    const was = before !== undefined && isBlackHole(before) ? before.measured : undefined;
    const is = isBlackHole(after) ? after.measured : undefined;
    if (was === is) return;
    const { node: to, kind: target, ip: address, expected, measured } = after;
    const path = { from: this.#self, to, target, address, expected, measured };
    if (is === undefined) log.info("Packets of the expected size pass again", path);
    else log.warn("Packets are lost by their size", path);
  }
}
