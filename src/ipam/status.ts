// SPDX-License-Identifier: Apache-2.0
// The IPAM line of `cilium status`.
import type { PoolStatus } from "./types.ts";

/** Such as `IPv4: 5/254 allocated from 10.244.0.0/24, IPv6: 5/65534 allocated from fd00::/112`. */
export function formatIpamStatus(pools: readonly PoolStatus[]): string {
  return pools.map((pool) => `IPv${pool.family}: ${pool.used}/${pool.capacity} allocated from ${pool.cidr}`).join(", ");
}
