// SPDX-License-Identifier: Apache-2.0
// fromCIDR and toCIDR: addresses outside of the cluster by prefix.
import { type Cidr, hostCidr, tryParseCidr, tryParseIp } from "../../../core/index.ts";
import { prefixSelector } from "../../selectors/address-selector.ts";
import type { DocumentNode } from "../node.ts";
import type { PeerKind } from "./types.ts";

export const cidrs = {
  field: { ingress: "fromCIDR", egress: "toCIDR" },
  deniable: true,
  parse: (node) => node.items().map((item) => prefixSelector(parseCidrOrAddress(item))),
} satisfies PeerKind;

/** Reads a prefix; bits behind its length do not count. */
export function parsePrefix(node: DocumentNode): Cidr {
  const cidr = tryParseCidr(node.string("bad-cidr"));
  if (cidr === undefined) throw node.fail("bad-cidr", "a prefix such as 10.0.0.0/8");
  return cidr;
}

/** As Cilium's engine does, takes an address too. */
function parseCidrOrAddress(node: DocumentNode): Cidr {
  const ip = tryParseIp(node.string("bad-cidr"));
  const cidr = tryParseCidr(ip === undefined ? node.string() : hostCidr(ip));
  if (cidr === undefined) throw node.fail("bad-cidr", "a prefix such as 10.0.0.0/8");
  return cidr;
}
