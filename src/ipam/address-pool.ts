// SPDX-License-Identifier: Apache-2.0
// Free addresses of one prefix. Memory goes with the addresses in use, not with the size of the prefix.
import {
  type Cidr,
  type Clock,
  cidrContains,
  cidrNth,
  cidrSize,
  type Family,
  formatCidr,
  ipToBigInt,
  parseCidr,
  tryParseIp,
} from "../core/index.ts";
import { IpamExhaustedError, IpamInUseError, IpamInvalidError } from "./errors.ts";
import type { PoolStatus } from "./types.ts";

/** How to make a pool. */
export interface AddressPoolOptions {
  readonly name: string;
  /** Pod CIDR; at least 4 addresses. */
  readonly cidr: string;
  readonly clock: Clock;
  /** For how long a released address may not be used again, in milliseconds. */
  readonly quarantineMs: number;
}

/**
 * Hands out addresses in turn: a released one comes back last of all, and never before its quarantine is over.
 * The first and the last address are never used; the second is the router's from the start.
 */
export class AddressPool {
  readonly name: string;
  readonly cidr: string;
  readonly family: Family;
  readonly router: string;
  readonly #cidr: Cidr;
  readonly #clock: Clock;
  readonly #quarantineMs: number;
  readonly #size: bigint;
  /** Offset in the prefix to owner. */
  readonly #used = new Map<bigint, string>();
  /** Offset to time of release, oldest first. */
  readonly #quarantine = new Map<bigint, number>();
  #cursor = 1n;

  constructor(options: AddressPoolOptions) {
    this.#cidr = parseCidr(options.cidr);
    this.name = options.name;
    this.cidr = formatCidr(this.#cidr);
    this.family = this.#cidr.family;
    this.#clock = options.clock;
    this.#quarantineMs = options.quarantineMs;
    this.#size = cidrSize(this.#cidr);
    if (this.#size < 4n) {
      throw new IpamInvalidError(
        `Cannot use pod CIDR "${this.cidr}": too small for a router and a pod (use ${this.family === 4 ? "/30" : "/126"} or larger)`,
      );
    }
    this.router = cidrNth(this.#cidr, 1);
    this.#used.set(1n, "router");
  }

  /** The next free address in turn. Throws IpamExhaustedError. */
  allocateNext(owner: string): string {
    this.#endQuarantines();
    // Among so many addresses in a row one must be free, if any is.
    const occupied = BigInt(this.#used.size + this.#quarantine.size);
    const steps = occupied < this.capacity ? occupied + 1n : this.capacity;
    for (let step = 0n; step < steps; step++) {
      const offset = this.#cursor;
      this.#cursor = offset >= this.#size - 2n ? 1n : offset + 1n;
      if (this.#used.has(offset) || this.#quarantine.has(offset)) continue;
      this.#used.set(offset, owner);
      return cidrNth(this.#cidr, offset);
    }
    throw new IpamExhaustedError(this.#exhausted(owner));
  }

  /** A given address, also one in quarantine (a restored endpoint has a right to its own). */
  allocate(ip: string, owner: string): string {
    const { offset, canonical } = this.#offsetOf(ip);
    if (offset <= 0n || offset >= this.#size - 1n) {
      throw new IpamInvalidError(
        `Cannot allocate address "${canonical}": the first and last address of ${this.cidr} are reserved`,
      );
    }
    const holder = this.#used.get(offset);
    if (holder !== undefined) throw new IpamInUseError(canonical, holder);
    this.#quarantine.delete(offset);
    this.#used.set(offset, owner);
    // After a restart the turn goes on behind the restored addresses.
    if (offset >= this.#cursor && offset < this.#size - 2n) this.#cursor = offset + 1n;
    return canonical;
  }

  /**
   * Gives an address back; it goes into quarantine unless nobody can have seen it (`unused`). False when it is not
   * in use, or when `owner` is given and is not its owner. The router's address is never given back.
   */
  release(ip: string, options: { readonly owner?: string; readonly unused?: boolean } = {}): boolean {
    const { offset } = this.#offsetOf(ip);
    const holder = this.#used.get(offset);
    if (holder === undefined || offset === 1n) return false;
    if (options.owner !== undefined && options.owner !== holder) return false;
    this.#used.delete(offset);
    if (options.unused !== true) this.#quarantine.set(offset, this.#clock.monotonic());
    return true;
  }

  /** Owner of an address in use. */
  ownerOf(ip: string): string | undefined {
    return this.contains(ip) ? this.#used.get(this.#offsetOf(ip).offset) : undefined;
  }

  contains(ip: string): boolean {
    return tryParseIp(ip) !== undefined && cidrContains(this.#cidr, ip);
  }

  get capacity(): bigint {
    return this.#size - 2n;
  }

  status(): PoolStatus {
    this.#endQuarantines();
    return {
      pool: this.name,
      family: this.family,
      cidr: this.cidr,
      used: this.#used.size,
      capacity: this.capacity,
      quarantined: this.#quarantine.size,
    };
  }

  #offsetOf(ip: string): { offset: bigint; canonical: string } {
    const canonical = tryParseIp(ip);
    if (canonical === undefined) throw new IpamInvalidError(`Cannot use address "${ip}": not an IPv4 or IPv6 address`);
    if (!cidrContains(this.#cidr, canonical)) {
      throw new IpamInvalidError(`Cannot use address "${canonical}": outside of the pod CIDR ${this.cidr}`);
    }
    return { offset: ipToBigInt(canonical) - ipToBigInt(this.#cidr.ip), canonical };
  }

  #endQuarantines(): void {
    const now = this.#clock.monotonic();
    for (const [offset, since] of this.#quarantine) {
      if (now - since < this.#quarantineMs) break;
      this.#quarantine.delete(offset);
    }
  }

  #exhausted(owner: string): string {
    const state = `${this.#used.size} of ${this.capacity} addresses are in use`;
    const [oldest] = this.#quarantine.values();
    const advice =
      oldest === undefined
        ? "delete pods of this node, or give the node a larger pod CIDR"
        : `${this.#quarantine.size} released ones are free again from ${this.#secondsLeft(oldest)} s on`;
    return `Cannot allocate IPv${this.family} address for "${owner}": pool "${this.name}" ${this.cidr} is exhausted, ${state} (${advice})`;
  }

  #secondsLeft(since: number): number {
    return Math.max(1, Math.ceil((since + this.#quarantineMs - this.#clock.monotonic()) / 1000));
  }
}
