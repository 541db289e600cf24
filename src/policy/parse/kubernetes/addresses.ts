// SPDX-License-Identifier: Apache-2.0
// Blocks of addresses in Kubernetes' own policy kinds.
import { prefixSelector } from "../../selectors/address-selector.ts";
import type { Selector } from "../../types.ts";
import type { DocumentNode } from "../node.ts";
import { parseExceptions, parsePrefix } from "../peers/cidrs.ts";

/** Reads an `ipBlock`: addresses outside of the cluster, as far as no exception covers them. */
export function parseIpBlock(node: DocumentNode): Selector {
  node.checkFields(["cidr", "except"]);
  const cidr = parsePrefix(node.field("cidr"));
  return prefixSelector(cidr, parseExceptions(node.field("except").optionalItems(), cidr));
}
