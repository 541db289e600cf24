// SPDX-License-Identifier: Apache-2.0
// Where a selector's matches can be found: buckets by label, so that a change asks only those it may concern.
import type { Labels } from "../../core/index.ts";
import { clusterKey, namespaceKey } from "../names.ts";
import type { Requirement, Selector } from "../types.ts";
import { bucketOfName, bucketOfPrefix, bucketsOfPrefixes } from "./addresses.ts";

/**
 * Buckets that hold every label set that may satisfy the selector; undefined: any label set may. A selector with its
 * namespace has buckets of that namespace: apps often have the same names in many.
 */
function bucketsOfSelector(selector: Selector): readonly string[] | undefined {
  const address = bucketOfAddresses(selector);
  if (address !== undefined) return [address];
  let best: Requirement | undefined;
  let namespaces: readonly string[] | undefined;
  for (const requirement of selector.requirements) {
    const { key, operator, values } = requirement;
    if (key === namespaceKey && operator === "In") namespaces = values;
    if (cost(requirement) < (best === undefined ? Number.POSITIVE_INFINITY : cost(best))) best = requirement;
  }
  const buckets = best === undefined ? undefined : bucketsOfRequirement(best);
  if (namespaces === undefined || best?.key === namespaceKey || best?.key === clusterKey) return buckets;
  return buckets?.flatMap((bucket) => namespaces.map((namespace) => inNamespace(namespace, bucket)));
}

/** The bucket of a selector of prefixes or names; undefined for any other. */
export function bucketOfAddresses({ prefix, fqdn }: Selector): string | undefined {
  if (prefix !== undefined) return bucketOfPrefix(prefix);
  return fqdn === undefined ? undefined : bucketOfName(fqdn);
}

/** As bucketsOfSelector for one requirement alone. */
export function bucketsOfRequirement({ key, operator, values }: Requirement): readonly string[] | undefined {
  if (operator === "In") return values.map((value) => `${key}=${value}`);
  return operator === "Exists" ? [key] : undefined;
}

/** All buckets of a label set. Sources are left to the match itself. */
export function* bucketsOfLabels(labels: Labels): Iterable<string> {
  for (const { key, value } of labels) {
    yield key;
    yield `${key}=${value}`;
  }
  yield* bucketsOfPrefixes(labels);
}

/** All buckets in which selectors that the labels may satisfy can be. */
function* bucketsOfSubject(labels: Labels): Iterable<string> {
  yield* bucketsOfLabels(labels);
  for (const { key, value } of labels) {
    if (key !== namespaceKey) continue;
    for (const bucket of bucketsOfLabels(labels)) yield inNamespace(value, bucket);
  }
}

function inNamespace(namespace: string, bucket: string): string {
  return `${namespace} ${bucket}`;
}

/** A guess at how many label sets satisfy it: few for the users' own labels, many for a namespace, most for a cluster. */
function cost({ key, operator, values }: Requirement): number {
  if (operator === "NotIn" || operator === "DoesNotExist") return Number.POSITIVE_INFINITY;
  const breadth = key === clusterKey ? 100_000 : key === namespaceKey ? 1000 : 0;
  return breadth + (operator === "In" ? values.length : 500);
}

/** Items by the selector that they stand for. */
export class SelectorIndex<Item> {
  readonly #buckets = new Map<string, Set<Item>>();
  readonly #everywhere = new Set<Item>();

  add(selector: Selector, item: Item): void {
    const buckets = bucketsOfSelector(selector);
    if (buckets === undefined) this.#everywhere.add(item);
    for (const bucket of buckets ?? []) {
      const items = this.#buckets.get(bucket);
      if (items === undefined) this.#buckets.set(bucket, new Set([item]));
      else items.add(item);
    }
  }

  remove(selector: Selector, item: Item): void {
    const buckets = bucketsOfSelector(selector);
    if (buckets === undefined) this.#everywhere.delete(item);
    for (const bucket of buckets ?? []) {
      const items = this.#buckets.get(bucket);
      items?.delete(item);
      if (items?.size === 0) this.#buckets.delete(bucket);
    }
  }

  /** Items whose selector may match the labels; every one that does is among them. */
  candidates(labels: Labels): Set<Item> {
    const found = new Set(this.#everywhere);
    for (const bucket of bucketsOfSubject(labels)) for (const item of this.#buckets.get(bucket) ?? []) found.add(item);
    return found;
  }
}
