// SPDX-License-Identifier: Apache-2.0
// fromCIDR and toCIDR: addresses outside of the cluster by prefix.
import {
  type Cidr,
  cidrContains,
  formatCidr,
  hostCidr,
  parseIp,
  tryParseCidr,
  tryParseIp,
} from "../../../core/index.ts";
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

/**
 * Reads exceptions of a block. As in Cilium, the address of one has to lie in the block, not all of it: what reaches
 * beyond the block excepts the whole of it.
 */
export function parseExceptions(items: readonly DocumentNode[], block: Cidr): readonly Cidr[] {
  return items.map((item) => {
    const exception = parsePrefix(item);
    const [address = ""] = item.string().split("/");
    if (!cidrContains(block, parseIp(address))) {
      throw item.fail("except-outside", `a prefix whose address is in ${formatCidr(block)}`);
    }
    return exception;
  });
}
