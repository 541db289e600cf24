// SPDX-License-Identifier: Apache-2.0
// One label: where it comes from, its key and its value.

import { FormatError } from "./errors.ts";

/** A label. `source` says who vouches for it; code compares sources, never text that a user wrote. */
export interface Label {
  readonly source: string;
  readonly key: string;
  /** Empty for labels without a value. */
  readonly value: string;
}

/** The sources that labels come from; `any` is for selectors and matches each of them. */
export const labelSources = [
  "k8s",
  "reserved",
  "cidr",
  "cidrgroup",
  "fqdn",
  "node",
  "cni",
  "gen",
  "directory",
  "container",
  "any",
  "unspec",
] as const;

const SOURCE = /^[a-z][a-z0-9-]*$/;

/**
 * Parses `source:key=value`, `source:key`, `key=value` or `key`; without a source it gets `defaultSource`. Only a colon
 * before the first `=` ends a source. What could not be told apart again in a label set's string is refused.
 */
export function parseLabel(text: string, defaultSource = "unspec"): Label {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? "" : text.slice(equals + 1);
  const colon = name.indexOf(":");
  const source = colon < 0 ? defaultSource : name.slice(0, colon);
  return makeLabel(source, colon < 0 ? name : name.slice(colon + 1), value);
}

/** A label from its parts, which are checked: no `;`, no control characters, no `=` in the key, a sane source. */
export function makeLabel(source: string, key: string, value = ""): Label {
  if (!SOURCE.test(source)) throw new FormatError(`Cannot use label "${source}:${key}": bad source "${source}"`);
  if (key === "") throw new FormatError(`Cannot use label "${source}:${key}=${value}": empty key`);
  if (key.includes("=") || unsafe(key))
    throw new FormatError(`Cannot use label key ${JSON.stringify(key)}: bad character`);
  if (unsafe(value)) throw new FormatError(`Cannot use label value ${JSON.stringify(value)}: bad character`);
  return { source, key, value };
}

/** `source:key=value`, or `source:key` when there is no value. */
export function formatLabel(label: Label): string {
  return label.value === "" ? `${label.source}:${label.key}` : `${label.source}:${label.key}=${label.value}`;
}

/** Orders labels by key, then source, then value, by code unit. */
export function compareLabels(a: Label, b: Label): number {
  return compareText(a.key, b.key) || compareText(a.source, b.source) || compareText(a.value, b.value);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function unsafe(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code === 0x3b || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}
