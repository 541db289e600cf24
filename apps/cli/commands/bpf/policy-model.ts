// SPDX-License-Identifier: Apache-2.0
// Policy entries as `-o` gives them: field names and units of Cilium's map types.
import type { PolicyRuleName } from "../../../../src/api/index.ts";
import type { PolicyMapRow } from "../../../../src/datapath/index.ts";

/** Bits of a key before the protocol. */
const staticPrefix = 40;
const flagDeny = 1;
const flagPrefixShift = 3;

/** Bits of protocol and port that an entry compares. */
export function prefixLength({ protocol, portPrefix }: Pick<PolicyMapRow, "protocol" | "portPrefix">): number {
  return protocol === 0 ? 0 : 8 + portPrefix;
}

/** An entry; `rule` where the agent knows it. Packets and bytes are not counted by entry. */
export function entryModel(row: PolicyMapRow, rule: PolicyRuleName | undefined): Record<string, unknown> {
  const prefix = prefixLength(row);
  return {
    ProxyPortNetwork: networkOrder(row.proxyPort),
    Flags: (row.verdict === "deny" ? flagDeny : 0) | (prefix << flagPrefixShift),
    AuthRequirement: row.authType,
    Cookie: row.cookie,
    Key: {
      Prefixlen: staticPrefix + prefix,
      Identity: row.identity,
      TrafficDirection: row.direction === "ingress" ? 0 : 1,
      Nexthdr: row.protocol,
      DestPortNetwork: networkOrder(row.port),
    },
    ...(rule === undefined ? {} : { rule }),
  };
}

/** A port as a machine of little-endian order reads it from the map. */
function networkOrder(port: number): number {
  return ((port & 0xff) << 8) | (port >> 8);
}
