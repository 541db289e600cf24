// SPDX-License-Identifier: Apache-2.0
// Policy rows of the cases as entries of the maps.
import { PolicyDirection } from "../../src/abi/index.ts";
import type { PolicyMapEntry } from "../../src/datapath/index.ts";
import type { PolicyRow } from "./world.ts";

/** The entry of a row; without a port it is about every port, without a protocol about everything. */
export function policyEntry(row: PolicyRow): PolicyMapEntry {
  const staged = ([undefined, "allow", "deny", "default-deny"] as const)[row.staged ?? 0];
  return {
    identity: row.identity,
    direction: row.direction === PolicyDirection.DIRECTION_INGRESS ? "ingress" : "egress",
    protocol: row.protocol ?? 0,
    port: row.port ?? 0,
    portPrefix: row.port === undefined ? 0 : (row.portBits ?? 16),
    verdict: row.deny ? "deny" : row.audit ? "audit" : "allow",
    cookie: row.cookie ?? 0,
    proxyPort: row.proxyPort ?? 0,
    authType: row.authType ?? 0,
    ...(row.isDefault && { isDefault: true as const }),
    ...(staged !== undefined && { staged: { verdict: staged, cookie: row.stagedCookie ?? 0 } }),
  };
}
