// SPDX-License-Identifier: Apache-2.0
// Addresses handed out, and what a pool says about itself.
import type { Family } from "../core/index.ts";

/** One address in use. */
export interface Allocation {
  readonly ip: string;
  readonly family: Family;
  readonly pool: string;
  /** Who asked, such as `default/xwing`; `router` for the node's own address. */
  readonly owner: string;
  /** Set while the address goes back by itself unless `stopExpiration` comes with it. */
  readonly expirationUuid?: string;
}

/** Figures of a pool in one family. */
export interface PoolStatus {
  readonly pool: string;
  readonly family: Family;
  readonly cidr: string;
  /** Addresses in use, the router's too. */
  readonly used: number;
  /** Addresses that can be in use: all but the first and the last. */
  readonly capacity: bigint;
  /** Released ones that may not be used again yet. */
  readonly quarantined: number;
}

/** One address for each family asked for. */
export interface AllocationPair {
  readonly ipv4?: Allocation;
  readonly ipv6?: Allocation;
}

/** Which families an allocation shall have. */
export type FamilyChoice = "ipv4" | "ipv6" | "all";
