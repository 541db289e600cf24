// SPDX-License-Identifier: Apache-2.0
// Text forms of addresses, from src/core.
export {
  type Family,
  ipFamily,
  ipFromBytes,
  ipToBytes,
  macFromBytes,
  macToBytes,
  parseCidr,
} from "../core/index.ts";
