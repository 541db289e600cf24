// SPDX-License-Identifier: Apache-2.0
// The only import door of src/ipam.

export { AddressPool, type AddressPoolOptions } from "./address-pool.ts";
export { IpamDisabledError, IpamExhaustedError, IpamInUseError, IpamInvalidError } from "./errors.ts";
export { defaultPoolName, Ipam, type IpamOptions } from "./ipam.ts";
export { formatIpamStatus } from "./status.ts";
export type { Allocation, AllocationPair, FamilyChoice, PoolStatus } from "./types.ts";
