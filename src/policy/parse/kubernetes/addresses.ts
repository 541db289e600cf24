// SPDX-License-Identifier: Apache-2.0
// Blocks of addresses in Kubernetes' own policy kinds.
import { cidrContains, formatCidr } from "../../../core/index.ts";
import { prefixSelector } from "../../selectors/address-selector.ts";
import type { Selector } from "../../types.ts";
import type { DocumentNode } from "../node.ts";
import { parsePrefix } from "../peers/cidrs.ts";
import { optionalItems } from "./fields.ts";

/** Reads an `ipBlock`: addresses outside of the cluster, as far as no exception covers them. */
export function parseIpBlock(node: DocumentNode): Selector {
  node.checkFields({ supported: ["cidr", "except"] });
  const cidr = parsePrefix(node.field("cidr"));
  const except = optionalItems(node.field("except")).map((item) => {
    const exception = parsePrefix(item);
    if (!cidrContains(cidr, exception)) throw item.fail("except-outside", `a prefix inside of ${formatCidr(cidr)}`);
    return exception;
  });
  return prefixSelector(cidr, except);
}
