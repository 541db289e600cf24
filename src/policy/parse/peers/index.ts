// SPDX-License-Identifier: Apache-2.0
// The peer kinds that there are, and the names of those that are still missing.
import type { Direction } from "../../types.ts";
import { endpoints } from "./endpoints.ts";
import type { PeerKind } from "./types.ts";

export const peerKinds: readonly PeerKind[] = [endpoints];

/** Known to Cilium, refused by name until their file is here. */
export const missingPeerFields: Readonly<Record<Direction, readonly string[]>> = {
  ingress: ["fromRequires", "fromCIDR", "fromCIDRSet", "fromEntities", "fromGroups", "fromNodes"],
  egress: ["toRequires", "toCIDR", "toCIDRSet", "toEntities", "toServices", "toFQDNs", "toGroups", "toNodes"],
};
