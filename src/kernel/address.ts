// SPDX-License-Identifier: Apache-2.0
// Text forms of addresses, from src/core.

export { formatCidr, parseCidr } from "../core/cidr.ts";
export type { Family } from "../core/ip.ts";
export { ipFamily, ipFromBytes, ipToBytes } from "../core/ip.ts";
export { macFromBytes, macToBytes } from "../core/mac.ts";
