// SPDX-License-Identifier: Apache-2.0
// Forms that recur in Kubernetes' own policy kinds: bounded lists, one field out of several, names for values.
import type { PolicyRejection } from "../../errors.ts";
import type { DocumentNode } from "../node.ts";

/** The items of a list that has at least one and at most `max`. */
export function boundedItems(node: DocumentNode, max: number): readonly DocumentNode[] {
  const items = node.optionalItems();
  if (items.length === 0 || items.length > max) throw node.fail("bad-type", `a list of 1 to ${max} items`);
  return items;
}

/** The one field of an object that is there. Throws for unknown fields, none and several. */
export function onlyField(
  node: DocumentNode,
  names: readonly string[],
  reason: PolicyRejection,
): readonly [string, DocumentNode] {
  node.checkFields(names);
  const [first, second] = node.entries();
  if (first === undefined || second !== undefined) {
    const found =
      first === undefined
        ? "no field"
        : node
            .entries()
            .map(([name]) => name)
            .join(" and ");
    throw node.failWith(reason, `${node.pathText} has ${found}, expected exactly one of ${names.join(", ")}`);
  }
  return first;
}

/** What a text stands for. */
export function oneOf<T>(node: DocumentNode, values: Readonly<Record<string, T>>): T {
  const text = node.value;
  if (typeof text === "string" && Object.hasOwn(values, text)) return values[text] as T;
  throw node.fail("bad-type", `one of ${Object.keys(values).join(", ")}`);
}
