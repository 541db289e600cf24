// SPDX-License-Identifier: Apache-2.0
// Identities that this node gives to addresses (prefixes of policies, other nodes): policy knows them before packets have them.
import { type Clock, createLogger, type Health, type Labels, toError } from "../core/index.ts";
import type { IdentityRow, LocalIdentities, LocalIdentitySnapshot } from "../identity/index.ts";

export interface AddressIdentityDeps {
  readonly identities: LocalIdentities;
  readonly clock: Clock;
  /** Which prefixes need an identity of this node's own, and the labels that it stands for. */
  readonly wanted: () => ReadonlyMap<string, Labels>;
  /** Whether the kernel's policies are those in force: no endpoint waits to be regenerated. */
  readonly settled: () => boolean;
  /** Tells policy about new identities, before this returns. */
  readonly learn: (identities: readonly IdentityRow[]) => void;
  /** From now on the prefix has this identity; undefined: none of this node's own. */
  readonly tell: (prefix: string, identity: number | undefined) => void;
  /** Keeps it over a restart. */
  readonly save: (state: AddressIdentityState) => void;
}

/** What has to be kept over a restart, as JSON. */
export interface AddressIdentityState {
  readonly identities: LocalIdentitySnapshot;
  /** Prefixes that the kernel may have, with their identity. */
  readonly told: readonly (readonly [prefix: string, identity: number])[];
}

export interface AddressIdentityConfig {
  /** What they are, in the log: `policy-prefixes`. */
  readonly name: string;
  /** How long policies keep an identity that no prefix has any more, ms. Default a minute. */
  readonly graceMs?: number;
}

/**
 * Order is everything here: an identity is in the policies of all endpoints before any packet can have it, and stays in
 * them until none can have it any more. So a prefix that comes or goes never makes a packet's identity an unknown one.
 */
export class AddressIdentities {
  readonly #deps: AddressIdentityDeps;
  readonly #config: AddressIdentityConfig;
  readonly #log;
  /** What every wanted prefix is to have. */
  #rows: ReadonlyMap<string, IdentityRow> = new Map();
  /** What every prefix has. */
  readonly #told = new Map<string, number>();
  /** Identities that no prefix has any more, and from when on policies may forget them. */
  readonly #retired = new Map<number, number>();
  #failure: string | undefined;
  #due = true;
  #open = false;

  constructor(deps: AddressIdentityDeps, config: AddressIdentityConfig) {
    this.#deps = deps;
    this.#config = config;
    this.#log = createLogger(config.name);
  }

  /** Takes over what an earlier run had, as the kernel still has it. Call before anything is reconciled. */
  restore(state: AddressIdentityState): void {
    const { identities } = this.#deps;
    identities.restore(state.identities);
    const known = new Set(identities.all().map(({ id }) => id));
    for (const [prefix, id] of state.told) if (known.has(id)) this.#tell(prefix, id);
  }

  /** From now on endpoints follow the policies in force; before, what was restored stays. */
  open(): void {
    this.#open = true;
    this.changed();
  }

  /** What is wanted has changed. New labels have their identity when this returns. */
  changed(): void {
    const fresh: IdentityRow[] = [];
    const rows = new Map<string, IdentityRow>();
    this.#failure = undefined;
    for (const [prefix, labels] of this.#deps.wanted()) {
      const isNew = !this.#deps.identities.has(labels);
      const row = this.#take(prefix, labels);
      if (row !== undefined) rows.set(prefix, row);
      if (row !== undefined && isNew) fresh.push(row);
    }
    this.#rows = rows;
    if (fresh.length > 0) {
      this.#save();
      this.#deps.learn(fresh);
    }
    this.#due = true;
    this.advance();
  }

  /** Brings the addresses in line if all endpoints are; call when one may have become so, and now and then. */
  advance(): void {
    if (!this.#due && this.#retired.size === 0) return;
    if (!this.#open || !this.#deps.settled()) return;
    if (this.#due) this.#align();
    this.#forget();
  }

  health(): Health {
    if (this.#failure !== undefined) return { state: "degraded", message: this.#failure };
    return { state: "ok", message: `${this.#told.size} prefixes` };
  }

  /** Undefined when no identity can be had. */
  #take(prefix: string, labels: Labels): IdentityRow | undefined {
    try {
      return this.#deps.identities.take(labels);
    } catch (thrown) {
      this.#failure = `Prefix ${prefix} has no identity: ${toError(thrown).message}`;
      this.#log.error("Cannot give a prefix an identity, rules for it do not hold", { prefix, error: this.#failure });
      return undefined;
    }
  }

  #align(): void {
    const changed = [...this.#rows].filter(([prefix, { id }]) => this.#told.get(prefix) !== id);
    const gone = [...this.#told.keys()].filter((prefix) => !this.#rows.has(prefix));
    // First on disk: a prefix that the kernel has must have its number again after a restart.
    if (changed.length > 0) this.#save([...this.#told, ...changed.map(([prefix, { id }]) => [prefix, id] as const)]);
    for (const [prefix, { id }] of changed) this.#tell(prefix, id);
    for (const prefix of gone) {
      this.#told.delete(prefix);
      this.#deps.tell(prefix, undefined);
    }
    this.#retire();
    if (changed.length + gone.length > 0) this.#save();
    this.#due = false;
  }

  #retire(): void {
    const used = new Set(this.#told.values());
    const over = this.#deps.clock.now() + (this.#config.graceMs ?? 60_000);
    for (const id of used) this.#retired.delete(id);
    for (const { id } of this.#deps.identities.all()) {
      if (!used.has(id) && !this.#retired.has(id)) this.#retired.set(id, over);
    }
  }

  /** Identities that no packet has any more leave the policies, too. */
  #forget(): void {
    const now = this.#deps.clock.now();
    const over = [...this.#retired].filter(([, from]) => from <= now);
    for (const [id] of over) {
      this.#retired.delete(id);
      this.#deps.identities.remove(id);
    }
    if (over.length > 0) this.#save();
  }

  #tell(prefix: string, identity: number): void {
    this.#told.set(prefix, identity);
    this.#deps.tell(prefix, identity);
  }

  #save(told: AddressIdentityState["told"] = [...this.#told]): void {
    this.#deps.save({ identities: this.#deps.identities.toJSON(), told });
  }
}
