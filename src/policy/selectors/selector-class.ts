// SPDX-License-Identifier: Apache-2.0
// What kind of peers a selector is about, for the metric policy_selector_match_count_max.
import { clusterKey } from "../names.ts";
import type { Selector } from "../types.ts";

/** Cilium's values of the label `class`. */
export const selectorClasses = ["cluster", "fqdn", "other", "world"] as const;
export type SelectorClass = (typeof selectorClasses)[number];

const worldNames = ["world", "world-ipv4", "world-ipv6"];

/** `cluster` and `world` are the selectors of those entities (prefixes are the world too). */
export function selectorClass({ requirements, prefix, fqdn }: Selector): SelectorClass {
  if (fqdn !== undefined) return "fqdn";
  if (prefix !== undefined) return "world";
  const [only, ...more] = requirements;
  if (only === undefined || more.length > 0) return "other";
  if (only.source === "reserved" && only.operator === "In") return worldNames.includes(only.key) ? "world" : "cluster";
  return only.source === "k8s" && only.key === clusterKey ? "cluster" : "other";
}
