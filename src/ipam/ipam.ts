// SPDX-License-Identifier: Apache-2.0
// IPAM in host scope: one pool a family from the node's pod CIDRs, owners, and addresses that expire when unclaimed.
import { randomUUID } from "node:crypto";
import { type Clock, type Family, ipFamily, tryParseIp } from "../core/index.ts";
import { AddressPool } from "./address-pool.ts";
import { IpamDisabledError, IpamInvalidError } from "./errors.ts";
import type { Allocation, AllocationPair, FamilyChoice, PoolStatus } from "./types.ts";

/** How to make the IPAM of a node. */
export interface IpamOptions {
  readonly ipv4Cidr?: string;
  readonly ipv6Cidr?: string;
  readonly clock: Clock;
  /** For how long a released address may not be used again. Default 10 s. */
  readonly quarantineMs?: number;
  /** After what time an allocation with expiration goes back by itself. Default 10 min. */
  readonly expirationMs?: number;
  /** Source of expiration ids. */
  readonly uuid?: () => string;
}

interface Lease {
  readonly allocation: Allocation;
  readonly timer?: Disposable;
}

/** Name of the only pool of host scope. */
export const defaultPoolName = "default";

/** The node's addresses: who owns which. No I/O; what must survive a restart comes back through `restore`. */
export class Ipam {
  readonly #pools: ReadonlyMap<Family, AddressPool>;
  readonly #leases = new Map<string, Lease>();
  readonly #clock: Clock;
  readonly #expirationMs: number;
  readonly #uuid: () => string;

  constructor(options: IpamOptions) {
    const quarantineMs = options.quarantineMs ?? 10_000;
    const pools = new Map<Family, AddressPool>();
    for (const [family, cidr] of [[4, options.ipv4Cidr] as const, [6, options.ipv6Cidr] as const]) {
      if (cidr === undefined) continue;
      const pool = new AddressPool({ name: defaultPoolName, cidr, clock: options.clock, quarantineMs });
      if (pool.family !== family) throw new IpamInvalidError(`Cannot use pod CIDR "${cidr}": IPv${family} expected`);
      pools.set(family, pool);
    }
    this.#pools = pools;
    this.#clock = options.clock;
    this.#expirationMs = options.expirationMs ?? 600_000;
    this.#uuid = options.uuid ?? randomUUID;
  }

  /** Address of the node in its pod CIDR (on `cilium_host`); undefined for a family that is off. */
  router(family: Family): string | undefined {
    return this.#pools.get(family)?.router;
  }

  /**
   * One free address in each family asked for; all or none. With `expiration`, each goes back by itself unless
   * `stopExpiration` is called in time. Throws IpamExhaustedError, IpamInvalidError, IpamDisabledError.
   */
  allocate(
    owner: string,
    choice: FamilyChoice = "all",
    options: { readonly expiration?: boolean } = {},
  ): AllocationPair {
    checkOwner(owner);
    const taken: Allocation[] = [];
    try {
      for (const pool of this.#chosen(choice)) taken.push(this.#lease(pool, pool.allocateNext(owner), owner, options));
    } catch (error) {
      for (const { ip } of taken) this.#drop(ip, { unused: true });
      throw error;
    }
    const pair: { ipv4?: Allocation; ipv6?: Allocation } = {};
    for (const allocation of taken) pair[allocation.family === 4 ? "ipv4" : "ipv6"] = allocation;
    return pair;
  }

  /** Takes a given address, for restored endpoints and static ones. Throws IpamInUseError, IpamInvalidError, IpamDisabledError. */
  allocateIp(ip: string, owner: string): Allocation {
    checkOwner(owner);
    const pool = this.#poolOf(ip);
    return this.#lease(pool, pool.allocate(ip, owner), owner, {});
  }

  /** As allocateIp, but fine when this very owner has the address already. */
  restore(ip: string, owner: string): Allocation {
    const present = this.get(ip);
    return present?.owner === owner ? present : this.allocateIp(ip, owner);
  }

  /** Gives an address back. False when it is not in use, or `owner` is given and is another. */
  release(ip: string, owner?: string): boolean {
    return this.#drop(ip, owner === undefined ? {} : { owner });
  }

  /** Gives back all that an owner has. Returns the addresses. */
  releaseOwner(owner: string): readonly string[] {
    return [...this.#leases.values()]
      .filter(({ allocation }) => allocation.owner === owner && this.#drop(allocation.ip, { owner }))
      .map(({ allocation }) => allocation.ip);
  }

  /**
   * Claims an address for good. Throws IpamInvalidError when the address has expired meanwhile, or the id is another
   * allocation's. An allocation that does not expire (any more) needs no id.
   */
  stopExpiration(ip: string, uuid: string): void {
    const lease = this.#leases.get(tryParseIp(ip) ?? ip);
    if (lease === undefined) {
      throw new IpamInvalidError(`Cannot claim address "${ip}": not allocated (its allocation may have expired)`);
    }
    if (lease.allocation.expirationUuid !== uuid) {
      throw new IpamInvalidError(`Cannot claim address "${ip}": expiration id "${uuid}" is not that of its allocation`);
    }
    lease.timer?.[Symbol.dispose]();
    const { expirationUuid: _, ...allocation } = lease.allocation;
    this.#leases.set(allocation.ip, { allocation });
  }

  get(ip: string): Allocation | undefined {
    return this.#leases.get(tryParseIp(ip) ?? ip)?.allocation;
  }

  /** All allocations in order of their making, without the routers. */
  list(): readonly Allocation[] {
    return Array.from(this.#leases.values(), (lease) => lease.allocation);
  }

  status(): readonly PoolStatus[] {
    return Array.from(this.#pools.values(), (pool) => pool.status());
  }

  /** Throws IpamDisabledError for an address of a family that is off. */
  checkFamily(ip: string): void {
    this.#poolOf(ip);
  }

  #chosen(choice: FamilyChoice): readonly AddressPool[] {
    if (choice === "all") {
      if (this.#pools.size > 0) return [...this.#pools.values()];
      throw new IpamInvalidError("Cannot allocate address: neither IPv4 nor IPv6 has a pod CIDR (set one)");
    }
    const family = choice === "ipv4" ? 4 : 6;
    return [this.#pool(family)];
  }

  #pool(family: Family): AddressPool {
    const pool = this.#pools.get(family);
    if (pool !== undefined) return pool;
    throw new IpamDisabledError(family);
  }

  #poolOf(ip: string): AddressPool {
    if (tryParseIp(ip) === undefined)
      throw new IpamInvalidError(`Cannot use address "${ip}": not an IPv4 or IPv6 address`);
    return this.#pool(ipFamily(ip));
  }

  #lease(pool: AddressPool, ip: string, owner: string, options: { readonly expiration?: boolean }): Allocation {
    const base = { ip, family: pool.family, pool: pool.name, owner };
    if (options.expiration !== true) {
      this.#leases.set(ip, { allocation: base });
      return base;
    }
    const allocation: Allocation = { ...base, expirationUuid: this.#uuid() };
    const timer = this.#clock.after(this.#expirationMs, () => void this.#drop(ip, {}));
    this.#leases.set(ip, { allocation, timer });
    return allocation;
  }

  #drop(ip: string, options: { readonly owner?: string; readonly unused?: boolean }): boolean {
    const canonical = tryParseIp(ip);
    const lease = canonical === undefined ? undefined : this.#leases.get(canonical);
    if (lease === undefined) return false;
    if (!this.#pool(lease.allocation.family).release(lease.allocation.ip, options)) return false;
    lease.timer?.[Symbol.dispose]();
    this.#leases.delete(lease.allocation.ip);
    return true;
  }
}

function checkOwner(owner: string): void {
  if (owner === "" || owner === "router")
    throw new IpamInvalidError(`Cannot allocate address: owner "${owner}" is not allowed`);
}
