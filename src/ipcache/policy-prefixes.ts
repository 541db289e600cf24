// SPDX-License-Identifier: Apache-2.0
// Prefixes that policies speak of: each gets an identity of this node, and the ipcache learns it when policy knows it.
import {
  type Cidr,
  type Clock,
  cidrContains,
  createLogger,
  formatCidr,
  type Health,
  type Label,
  Labels,
  parseCidr,
  toError,
} from "../core/index.ts";
import {
  type IdentityRow,
  type LocalIdentities,
  type LocalIdentitySnapshot,
  reservedNames,
} from "../identity/index.ts";
import type { Ipcache } from "./module.ts";
import { worldIdentity } from "./node-entries.ts";

const log = createLogger("policy-prefixes");
const owner = "policy";

export interface PolicyPrefixDeps {
  readonly identities: LocalIdentities;
  readonly ipcache: Pick<Ipcache, "upsert" | "remove">;
  readonly clock: Clock;
  /** The label by which policy knows a prefix. */
  readonly label: (cidr: Cidr) => Label;
  /** Prefixes that policies in force speak of, by their text. */
  readonly wanted: () => ReadonlyMap<string, Cidr>;
  /** Prefixes of pods, of this node and of others: what lies inside is no address outside of the cluster. */
  readonly podPrefixes: () => readonly string[];
  /** Whether the kernel's policies are those in force: no endpoint waits to be regenerated. */
  readonly settled: () => boolean;
  /** Tells policy about new identities, before this returns. */
  readonly learn: (identities: readonly IdentityRow[]) => void;
  /** Keeps it over a restart. */
  readonly save: (state: PolicyPrefixState) => void;
}

/** What has to be kept over a restart, as JSON. */
export interface PolicyPrefixState {
  readonly identities: LocalIdentitySnapshot;
  /** Prefixes that the ipcache may have. */
  readonly told: readonly string[];
}

export interface PolicyPrefixConfig {
  /** The families that are on. */
  readonly families: readonly (4 | 6)[];
  /** How long policies keep the identity of a prefix that the ipcache has no more, ms. Default a minute. */
  readonly graceMs?: number;
}

/**
 * Order is everything here: an identity is in the policies of all endpoints before any packet can have it, and stays in
 * them until none can have it any more. So a prefix that comes or goes never makes a packet's identity an unknown one.
 */
export class PolicyPrefixes {
  readonly #deps: PolicyPrefixDeps;
  readonly #config: PolicyPrefixConfig;
  /** Identities by prefix. */
  readonly #rows = new Map<string, IdentityRow>();
  /** Prefixes that the ipcache has from here. */
  readonly #told = new Set<string>();
  /** Prefixes that nobody speaks of any more, and from when on policies may forget their identity. */
  readonly #retired = new Map<string, number>();
  #failure: string | undefined;
  #due = true;
  #open = false;

  constructor(deps: PolicyPrefixDeps, config: PolicyPrefixConfig) {
    this.#deps = deps;
    this.#config = config;
  }

  /** Takes over what an earlier run had, as the kernel still has it. Call before anything is reconciled. */
  restore(state: PolicyPrefixState): void {
    const { identities } = this.#deps;
    identities.restore(state.identities);
    for (const row of identities.all()) {
      for (const { source, key } of row.labels) if (source === "cidr") this.#rows.set(prefixOfKey(key), row);
    }
    for (const prefix of state.told) {
      const row = this.#rows.get(prefix);
      if (row !== undefined) this.#tell(prefix, row.id);
    }
  }

  /** From now on endpoints follow the policies in force; before, what was restored stays. */
  open(): void {
    this.#open = true;
    this.changed();
  }

  /** Policies, or what they refer to, or nodes have changed. New prefixes have their identity when this returns. */
  changed(): void {
    const fresh: IdentityRow[] = [];
    this.#failure = undefined;
    for (const [prefix, cidr] of this.#deps.wanted()) {
      this.#retired.delete(prefix);
      const row = this.#take(prefix, cidr);
      if (row !== undefined) fresh.push(row);
    }
    if (fresh.length > 0) {
      this.#save();
      this.#deps.learn(fresh);
    }
    this.#due = true;
    this.advance();
  }

  /** Brings the ipcache in line if all endpoints are; call when one may have become so, and now and then. */
  advance(): void {
    if (!this.#open || !this.#deps.settled()) return;
    if (this.#due) this.#align();
    this.#forget();
  }

  health(): Health {
    if (this.#failure !== undefined) return { state: "degraded", message: this.#failure };
    return { state: "ok", message: `${this.#told.size} prefixes` };
  }

  /** The row when the identity is new; undefined when it was there, or cannot be had. */
  #take(prefix: string, cidr: Cidr): IdentityRow | undefined {
    if (this.#rows.has(prefix) || !this.#config.families.includes(cidr.family)) return undefined;
    try {
      const row = this.#deps.identities.take(this.#labels(prefix, cidr));
      this.#rows.set(prefix, row);
      return row;
    } catch (thrown) {
      this.#failure = `Prefix ${prefix} has no identity: ${toError(thrown).message}`;
      log.error("Cannot give a prefix an identity, rules for it do not hold", { prefix, error: this.#failure });
      return undefined;
    }
  }

  #align(): void {
    const wanted = this.#deps.wanted();
    const pods = this.#deps.podPrefixes().map((prefix) => parseCidr(prefix));
    const outside = (cidr: Cidr) => !pods.some((pod) => cidrContains(pod, cidr));
    const next = new Set(
      [...wanted].filter(([prefix, cidr]) => this.#rows.has(prefix) && outside(cidr)).map(([p]) => p),
    );
    const gone = [...this.#told].filter((prefix) => !next.has(prefix));
    // First on disk: a prefix that the kernel has must have its number again after a restart.
    if (next.difference(this.#told).size > 0) this.#save(next.union(this.#told));
    for (const prefix of next) {
      const row = this.#rows.get(prefix);
      if (row !== undefined) this.#tell(prefix, row.id);
    }
    for (const prefix of gone) {
      this.#told.delete(prefix);
      this.#deps.ipcache.remove(owner, prefix);
    }
    const over = this.#deps.clock.now() + (this.#config.graceMs ?? 60_000);
    for (const prefix of this.#rows.keys()) {
      if (!wanted.has(prefix) && !this.#retired.has(prefix)) this.#retired.set(prefix, over);
    }
    if (gone.length > 0) this.#save();
    this.#due = false;
  }

  /** Identities that no packet has any more leave the policies, too. */
  #forget(): void {
    const now = this.#deps.clock.now();
    const over = [...this.#retired].filter(([, from]) => from <= now);
    for (const [prefix] of over) {
      this.#retired.delete(prefix);
      const row = this.#rows.get(prefix);
      this.#rows.delete(prefix);
      if (row !== undefined) this.#deps.identities.remove(row.id);
    }
    if (over.length > 0) this.#save();
  }

  #labels(prefix: string, cidr: Cidr): Labels {
    const world = reservedNames.get(worldIdentity(prefix, this.#config.families.length > 1)) ?? "world";
    return Labels.of([this.#deps.label(cidr), { source: "reserved", key: world, value: "" }]);
  }

  #tell(prefix: string, identity: number): void {
    if (this.#told.has(prefix)) return;
    this.#told.add(prefix);
    // The lowest rank: what is known about pods and nodes counts more.
    const entry = { prefix, identity, encryptKey: 0, skipTunnel: false, remoteCluster: false };
    this.#deps.ipcache.upsert(owner, { ...entry, source: "generated" });
  }

  #save(told: ReadonlySet<string> = this.#told): void {
    this.#deps.save({ identities: this.#deps.identities.toJSON(), told: [...told] });
  }
}

/** The prefix of a `cidr:` label's key, in which dashes stand for colons. */
function prefixOfKey(key: string): string {
  return formatCidr(parseCidr(key.replaceAll("-", ":")));
}
