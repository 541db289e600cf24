// SPDX-License-Identifier: Apache-2.0
// Whether labels satisfy a selector. The one definition; indexes only narrow down whom to ask.
import type { Labels } from "../../core/index.ts";
import type { Requirement, Selector } from "../types.ts";
import { matchesName, matchesPrefix } from "./addresses.ts";

/** Whether all conditions hold; without any always. */
export function matchesSelector(selector: Selector, labels: Labels): boolean {
  for (const requirement of selector.requirements) if (!matchesRequirement(requirement, labels)) return false;
  if (selector.prefix !== undefined && !matchesPrefix(selector.prefix, labels)) return false;
  return selector.fqdn === undefined || matchesName(selector.fqdn, labels);
}

/** NotIn and DoesNotExist are the exact reverse of In and Exists; so NotIn holds where the key is missing. */
export function matchesRequirement({ source, key, operator, values }: Requirement, labels: Labels): boolean {
  const byValue = operator === "In" || operator === "NotIn";
  let found = false;
  for (const label of labels) {
    if (label.key !== key || (source !== "any" && label.source !== source)) continue;
    if (byValue && !values.includes(label.value)) continue;
    found = true;
    break;
  }
  return operator === "In" || operator === "Exists" ? found : !found;
}
