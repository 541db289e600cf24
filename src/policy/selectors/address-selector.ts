// SPDX-License-Identifier: Apache-2.0
// Making selectors of addresses: by prefix, and by DNS name.
import { type Cidr, compareCidr, formatCidr } from "../../core/index.ts";
import type { NameCondition, Selector } from "../types.ts";

/** A selector of the addresses in a prefix but in none of its exceptions. Equal sets have equal text. */
export function prefixSelector(cidr: Cidr, except: readonly Cidr[] = []): Selector {
  const excluded = [...new Map(except.map((item) => [formatCidr(item), item])).values()].sort(compareCidr);
  const expressions = excluded.map(
    (item) => `LabelSelectorRequirement{Key:cidr.${formatCidr(item)},Operator:DoesNotExist,Values:[],},`,
  );
  return {
    text:
      `&LabelSelector{MatchLabels:map[string]string{cidr.${formatCidr(cidr)}: ,},` +
      `MatchExpressions:[]LabelSelectorRequirement{${expressions.join("")}},}`,
    requirements: [],
    prefix: { cidr, except: excluded },
  };
}

/** A selector of the addresses that DNS answered for a name, or for names of a pattern. */
export function nameSelector(fqdn: NameCondition): Selector {
  const [name, pattern] = "matchName" in fqdn ? [fqdn.matchName, ""] : ["", fqdn.matchPattern];
  return { text: `MatchName: ${name}, MatchPattern: ${pattern}`, requirements: [], fqdn };
}
