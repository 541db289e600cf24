// SPDX-License-Identifier: Apache-2.0
// Conntrack entries as rows.
import { abiLayout, CtFlags, CtRoute, decodeCt4Key, decodeCt6Key, decodeCtEntry } from "../../abi/index.ts";
import { ipFromBigInt, ipFromBytes } from "../../core/index.ts";
import { decodeAddress, isZero } from "./codec.ts";
import type { ConntrackRow } from "./types.ts";

/** Bits and the words that `bpf ct list` prints. CT_F_INGRESS is the row's direction. */
const flagNames: readonly (readonly [bit: number, name: string])[] = [
  [CtFlags.CT_F_RX_CLOSING, "RxClosing"],
  [CtFlags.CT_F_TX_CLOSING, "TxClosing"],
  [CtFlags.CT_F_SEEN_NON_SYN, "SeenNonSyn"],
  [CtFlags.CT_F_RESET, "Reset"],
  [CtFlags.CT_F_AUDITED, "Audited"],
  [CtFlags.CT_F_REPLIED, "Replied"],
  [CtFlags.CT_F_DENIED, "Denied"],
];

const routes: Readonly<Record<number, ConntrackRow["route"]>> = {
  [CtRoute.CT_ROUTE_UNKNOWN]: "unknown",
  [CtRoute.CT_ROUTE_LOCAL]: "local",
  [CtRoute.CT_ROUTE_TUNNEL]: "tunnel",
  [CtRoute.CT_ROUTE_STACK]: "stack",
};

/** Place of the only field that a sweep reads. */
export const expiresOffset = abiLayout.ct_entry?.members.expires?.[0] ?? 0;

/** Words of the known bits, `Unknown=0x…` for the rest. */
function conntrackFlagNames(flags: number): string[] {
  const names: string[] = [];
  let rest = flags & ~CtFlags.CT_F_INGRESS;
  for (const [bit, name] of flagNames) {
    if ((rest & bit) !== 0) names.push(name);
    rest &= ~bit;
  }
  if (rest !== 0) names.push(`Unknown=0x${rest.toString(16)}`);
  return names;
}

/** The row of an entry of a map of that family and table. */
export function decodeConntrack(
  family: 4 | 6,
  table: ConntrackRow["table"],
  keyBytes: Uint8Array,
  value: Uint8Array,
): ConntrackRow {
  const entry = decodeCtEntry(value);
  const { flags, tunnelFamily, tunnelEndpoint, route, ...rest } = entry;
  return {
    family,
    table,
    ...decodeKey(family, keyBytes),
    ...rest,
    direction: (flags & CtFlags.CT_F_INGRESS) !== 0 ? "ingress" : "egress",
    flags,
    flagNames: conntrackFlagNames(flags),
    route: routes[route] ?? "unknown",
    // Of a masqueraded flow it is the address outside.
    ...(isZero(tunnelEndpoint) || entry.natPort !== 0
      ? {}
      : { tunnelEndpoint: decodeAddress(tunnelEndpoint, tunnelFamily) }),
  };
}

function decodeKey(
  family: 4 | 6,
  bytes: Uint8Array,
): Pick<ConntrackRow, "local" | "remote" | "localPort" | "remotePort" | "protocol"> {
  if (family === 4) {
    const key = decodeCt4Key(bytes);
    return { ...key, local: ipFromBigInt(BigInt(key.local), 4), remote: ipFromBigInt(BigInt(key.remote), 4) };
  }
  const key = decodeCt6Key(bytes);
  return { ...key, local: ipFromBytes(key.local), remote: ipFromBytes(key.remote) };
}
