// SPDX-License-Identifier: Apache-2.0
// Probes every node and its health endpoint for as long as it runs, and keeps what came of it.
import {
  type Clock,
  createLogger,
  type Health,
  ipFamily,
  type Module,
  type ReadonlyTable,
  type Table,
  toError,
} from "../core/index.ts";
import { listenTcp, type Netns } from "../kernel/index.ts";
import type { NodeRow } from "../node/index.ts";
import { nodeKey } from "../node/index.ts";
import { HalfOpen } from "./half-open.ts";
import { askHello, Responder } from "./hello.ts";
import { lookIntervalMs, NodesInUse } from "./nodes-in-use.ts";
import { Pinger } from "./ping.ts";
import { brokenPaths, firstOf } from "./summary.ts";
import { createHealthTable } from "./table.ts";
import { type TargetOptions, targetsOf } from "./targets.ts";
import { Turns } from "./turns.ts";
import { type HealthRow, healthKey, isSilent, reachable, type TargetKind, unprobed, withResult } from "./types.ts";

const log = createLogger("health");

/** Of a round's probes: 13 s from a path's end to the news of it, of up to 90 addresses. */
const probeTimeoutMs = 3_000;
const schedule = { rate: 18, minIntervalMs: 10_000 };
/** Of a look: so long after its start a probe may have been what was sent. */
const ownTrafficMs = probeTimeoutMs + 1_000 + lookIntervalMs;
/** After a path fell silent: until then the other end has asked too, and shows which way it is. */
const directionAfterMs = [2_000, 4_000, 6_000, 8_000] as const;
/** Rounds may be this long for silence of the other end to say something: its attempts are known for a minute. */
const longestTellingRoundMs = 20_000;
/** Addresses that are asked at the same time when somebody wants all of them now; each takes a socket. */
const atOnce = 128;

export interface HealthDeps {
  readonly nodes: ReadonlyTable<NodeRow, string>;
  readonly clock: Clock;
  /** Addresses of nodes to which something was sent since it was asked before; absent where nobody knows. */
  readonly sentTo?: () => ReadonlySet<string>;
}

export interface HealthConfig extends TargetOptions {
  /** Of responders, on every node and health endpoint. */
  readonly port: number;
}

export interface HealthModule extends Module {
  readonly table: ReadonlyTable<HealthRow, string>;
  /** How long a round of probes takes now, ms. */
  readonly intervalMs: number;
  /** Probes everything now and waits for the answers. */
  probeAll(): Promise<void>;
  /** Answers probes in the health endpoint's namespace too, in no earlier one. Throws when it cannot listen there. */
  serveEndpoint(netns: Netns): void;
}

/** Makes the module. Nodes that it cannot probe or answer are news, no failure of the agent's. */
export function createHealth(deps: HealthDeps, config: HealthConfig): HealthModule {
  return new HealthProber(deps, config);
}

class HealthProber implements HealthModule {
  readonly name = "health";
  readonly table: Table<HealthRow, string> = createHealthTable();
  readonly #deps: HealthDeps;
  readonly #config: HealthConfig;
  readonly #turns: Turns;
  readonly #responder = new Responder();
  readonly #endpointResponder = new Responder();
  readonly #pinger = new Pinger();
  readonly #nodesInUse = new NodesInUse();
  /** Of each node, when it was probed last. */
  readonly #probedAt = new Map<string, number>();
  #look: Disposable | undefined;
  readonly #halfOpen: Readonly<Record<TargetKind, HalfOpen>>;
  #watch: Disposable | undefined;
  #round: Promise<void> = Promise.resolve();
  #nextRound: Promise<void> | undefined;
  #stopped = false;
  /** Why nobody can ask this node. */
  #deaf: string | undefined;

  constructor(deps: HealthDeps, config: HealthConfig) {
    this.#deps = deps;
    this.#config = config;
    const families = ([config.enableIpv4 && 4, config.enableIpv6 && 6] as const).filter((family) => family !== false);
    this.#halfOpen = { host: new HalfOpen(config.port, families), endpoint: new HalfOpen(config.port, families) };
    // A probe that waits for its time-out holds up no other.
    this.#turns = new Turns(schedule, deps.clock, (key) => void this.#probe(key));
  }

  get intervalMs(): number {
    return this.#turns.intervalMs;
  }

  async start(): Promise<void> {
    this.#listen();
    for (const node of this.#deps.nodes.all()) this.#setNode(node);
    this.#watch = this.#deps.nodes.onChange((batch) => {
      for (const { kind, row } of batch) kind === "upsert" ? this.#setNode(row) : this.#setTargets(nodeKey(row), []);
    });
    this.#turns.start();
    this.#lookLater();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#turns[Symbol.dispose]();
    this.#look?.[Symbol.dispose]();
    this.#watch?.[Symbol.dispose]();
    this.#pinger[Symbol.dispose]();
    await Promise.all([this.#responder.stop(), this.#endpointResponder.stop()]);
  }

  health(): Health {
    if (this.#deaf !== undefined) return { state: "degraded", message: this.#deaf };
    const message = firstOf(brokenPaths(this.table, this.#config.self));
    return message === undefined ? { state: "ok" } : { state: "degraded", message };
  }

  async probeAll(): Promise<void> {
    // Who comes while one is under way shares the next one: its questions are asked after they asked.
    this.#nextRound ??= this.#round.then(() => {
      this.#nextRound = undefined;
      this.#round = this.#probeEach();
      return this.#round;
    });
    await this.#nextRound;
  }

  async #probeEach(): Promise<void> {
    const keys = Array.from(this.table.all(), healthKey).values();
    const worker = async () => {
      for (const key of keys) await this.#probe(key);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  serveEndpoint(netns: Netns): void {
    // Its sockets are closed at once, its connections a moment later.
    void this.#endpointResponder.stop();
    if (this.#stopped) return;
    this.#serve(this.#endpointResponder, netns);
    this.#halfOpen.endpoint.lookIn(netns);
  }

  #serve(responder: Responder, netns?: Netns): void {
    const { enableIpv4, enableIpv6, port } = this.#config;
    if (enableIpv4) responder.serve(listenTcp(4, port, netns));
    if (enableIpv6) responder.serve(listenTcp(6, port, netns));
  }

  #listen(): void {
    try {
      this.#serve(this.#responder);
    } catch (error) {
      this.#deaf = toError(error).message;
      log.error("Other nodes cannot probe this one", { error: this.#deaf });
    }
  }

  /** While a round is longer than it should be, those whom pods talk to come first. */
  #lookLater(): void {
    const { clock, sentTo } = this.#deps;
    if (sentTo === undefined) return;
    this.#look = clock.after(lookIntervalMs, () => {
      this.#turns.prefer(this.#turns.isTight ? this.#targetsInUse(sentTo) : []);
      this.#lookLater();
    });
  }

  #targetsInUse(sentTo: () => ReadonlySet<string>): readonly string[] {
    try {
      const now = this.#deps.clock.monotonic();
      const nodesAt = (ip: string) => this.#deps.nodes.by("ip", ip).map(nodeKey);
      const probed = (ip: string) => nodesAt(ip).some((node) => (this.#probedAt.get(node) ?? 0) > now - ownTrafficMs);
      const nodes = new Set(this.#nodesInUse.look(sentTo(), now, probed).flatMap(nodesAt));
      return [...nodes].flatMap((node) => this.table.by("node", node).map(healthKey));
    } catch (error) {
      log.debug("Cannot tell which nodes are in use", { error: toError(error).message });
      return [];
    }
  }

  #setNode(node: NodeRow): void {
    this.#setTargets(nodeKey(node), targetsOf(node, this.#config));
  }

  #setTargets(node: string, targets: ReturnType<typeof targetsOf>): void {
    const wanted = new Set(targets.map(healthKey));
    if (targets.length === 0) this.#probedAt.delete(node);
    for (const row of this.table.by("node", node)) {
      const key = healthKey(row);
      if (wanted.has(key)) continue;
      this.#turns.remove(key);
      this.table.delete(key);
    }
    for (const target of targets) {
      const key = healthKey(target);
      const before = this.table.get(key);
      // A row that is written is one that was probed, to who follows the table.
      if (before?.primary !== target.primary)
        this.table.upsert({ ...target, icmp: before?.icmp ?? unprobed, http: before?.http ?? unprobed });
      this.#turns.add(key);
    }
  }

  /** Never rejects: what goes wrong is the result. */
  async #probe(key: string): Promise<void> {
    const target = this.table.get(key);
    if (target === undefined) return;
    this.#probedAt.set(target.node, this.#deps.clock.monotonic());
    const [icmp, http] = await Promise.all([
      this.#pinger.ping(target.ip, probeTimeoutMs),
      askHello(target.ip, this.#config.port, probeTimeoutMs),
    ]);
    const row = this.table.get(key);
    if (row === undefined || this.#stopped) return;
    const now = this.#deps.clock.now();
    const { heard: _, ...rest } = row;
    const probed = { ...rest, icmp: withResult(row.icmp, icmp, now), http: withResult(row.http, http, now) };
    const heard = isSilent(probed) ? this.#hears(probed, isSilent(row)) : undefined;
    const next: HealthRow = heard === undefined ? probed : { ...probed, heard };
    this.table.upsert(next);
    this.#tell(row, next);
    if (!isSilent(next) || isSilent(row) || heard !== undefined) return;
    for (const ms of directionAfterMs) this.#deps.clock.after(ms, () => this.#listenFor(key));
  }

  /** Looks again whether the other end of a silent path is heard. */
  #listenFor(key: string): void {
    const row = this.table.get(key);
    if (row === undefined || this.#stopped || row.heard === true || !isSilent(row)) return;
    if (this.#hears(row, false) !== true) return;
    const next: HealthRow = { ...row, heard: true };
    this.table.upsert(next);
    this.#tell(row, next);
  }

  /** Whether what the other end of a silent path sends arrives; undefined when that cannot be said (yet). */
  #hears(row: HealthRow, lasting: boolean): boolean | undefined {
    const addresses = this.#deps.nodes.get(row.node)?.addresses ?? [];
    if (row.local) return undefined;
    try {
      const peers = this.#halfOpen[row.kind].peers(this.#deps.clock.monotonic());
      if (addresses.some(({ ip }) => ipFamily(ip) === ipFamily(row.ip) && peers.has(ip))) return true;
    } catch (error) {
      log.debug("Cannot look for half-open connections", { error: toError(error).message });
      return undefined;
    }
    return lasting && this.#turns.plainIntervalMs <= longestTellingRoundMs ? false : undefined;
  }

  /** One line when a path breaks, and one when it is whole again. */
  #tell(before: HealthRow, after: HealthRow): void {
    const [was, is] = [reachable(before), reachable(after)];
    const path = { from: this.#config.self, to: after.node, target: after.kind, address: after.ip };
    const problem = [after.icmp.last, after.http.last].map((result) => (result?.ok === false ? result.problem : "ok"));
    if (is === false && was !== false) log.warn("Path is broken", { ...path, icmp: problem[0], http: problem[1] });
    if (after.heard === true && before.heard !== true)
      log.warn("Path is broken in one direction only: what the other end sends arrives", path);
    if (is === true && was === false) log.info("Path works again", path);
  }
}
