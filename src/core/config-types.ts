// SPDX-License-Identifier: Apache-2.0
// The kinds of values that options take, as zod schemas from text.

import { z } from "zod";
import { formatCidr, parseCidr } from "./cidr.ts";

/** What an option's schema says about itself beside its type; set with `.meta()`. */
export interface ValueMeta {
  /** What is allowed, for error messages and help. */
  readonly expects: string;
  /** Takes no value on the command line when it is just switched on. */
  readonly flag?: boolean;
  /** The value is ms, written as `parseDuration` reads it. */
  readonly isDuration?: boolean;
  /** Given several times, the texts are joined with commas instead of the last one counting. */
  readonly repeatable?: boolean;
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Longest duration, ms (24 days): a timer of the runtime takes no more and would go off at once. */
const longestDuration = 2 ** 31 - 1;

/**
 * Parses Go-style durations such as `5s`, `2h13m20s`, `100ms`, `1.5h` and `0` into ms; undefined for anything else, and
 * for what is longer than 24 days.
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (text.length > 64 || !/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (DURATION_UNITS[unit ?? ""] ?? 0);
  }
  return total <= longestDuration ? total : undefined;
}

/** Writes ms as Go does: `2h13m20s`, `5s`, `100ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return ms === 0 ? "0s" : `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = (ms % 60_000) / 1000;
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

function meta<T>(schema: z.ZodType<T, string>, value: ValueMeta): z.ZodType<T, string> {
  return schema.meta({ ...value });
}

/** A schema from a parser that returns undefined for bad text. */
function parsed<T>(parse: (text: string) => T | undefined, value: ValueMeta): z.ZodType<T, string> {
  const schema = z.string().transform((text, context): T => {
    const result = parse(text);
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: `${value.expects} expected` });
    return z.NEVER;
  });
  return meta(schema, value);
}

function splitList(text: string): string[] {
  return text
    .split(/[,\s]+/)
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

function parseMap(text: string): ReadonlyMap<string, string> | undefined {
  if (text.startsWith("{")) return parseJsonMap(text);
  const map = new Map<string, string>();
  for (const item of text.split(",")) {
    if (item.trim() === "") continue;
    const equals = item.indexOf("=");
    if (equals < 1) return undefined;
    map.set(item.slice(0, equals).trim(), item.slice(equals + 1).trim());
  }
  return map;
}

/** As Kubernetes' ConfigMaps have it: one JSON object of texts. */
function parseJsonMap(text: string): ReadonlyMap<string, string> | undefined {
  const json = attempt((): unknown => JSON.parse(text));
  if (typeof json !== "object" || json === null) return undefined;
  const entries = Object.entries(json).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return entries.length === Object.keys(json).length ? new Map(entries) : undefined;
}

/** The schemas; each reads text and carries what it expects. */
export const configTypes = {
  /** `true`/`false` (also `1`/`0`, `t`/`f`); on the command line the bare flag is `true`. */
  boolean: () =>
    parsed(
      (text) => {
        const lower = text.toLowerCase();
        if (lower === "true" || lower === "1" || lower === "t") return true;
        return lower === "false" || lower === "0" || lower === "f" ? false : undefined;
      },
      { expects: "true or false", flag: true },
    ),
  string: (expects = "text") => parsed((text) => text, { expects }),
  /** The absolute path of a file or folder, and "" where that means none. */
  path: (what: "file" | "folder", allowed: { readonly none?: boolean } = {}) =>
    parsed(
      (text) => ((text.startsWith("/") && !text.includes("\0")) || (text === "" && allowed.none) ? text : undefined),
      {
        expects: `the absolute path of a ${what}${allowed.none ? ", or nothing" : ""}`,
      },
    ),
  /** Text that matches. */
  pattern: (regex: RegExp, expects: string) => parsed((text) => (regex.test(text) ? text : undefined), { expects }),
  /** A whole number between `min` and `max`, both included. */
  int: (min = 0, max = Number.MAX_SAFE_INTEGER) =>
    parsed(
      (text) => {
        const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
        return value >= min && value <= max ? value : undefined;
      },
      {
        expects:
          max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min}` : `a whole number from ${min} to ${max}`,
      },
    ),
  /** A number from 0 to 1, such as 0.0025. */
  share: () =>
    parsed(
      (text) => {
        const value = /^\d*\.?\d+$/.test(text) && text.length <= 32 ? Number(text) : Number.NaN;
        return value >= 0 && value <= 1 ? value : undefined;
      },
      { expects: "a number from 0 to 1, such as 0.0025" },
    ),
  /** A duration in ms, at least `min`. */
  duration: (min = 0) =>
    parsed(
      (text) => {
        const ms = parseDuration(text);
        return ms !== undefined && ms >= min ? ms : undefined;
      },
      {
        expects: `a duration such as 5s or 2h13m20s, ${min === 0 ? "" : `at least ${formatDuration(min)}, `}at most 24d`,
        isDuration: true,
      },
    ),
  oneOf: <const T extends string>(...values: readonly T[]) =>
    parsed((text) => values.find((value) => value === text), { expects: values.join(", ") }),
  /** A prefix in canonical form, or "" for none. */
  cidr: (family?: 4 | 6) =>
    parsed((text) => (text === "" ? "" : canonicalCidr(text, family)), { expects: cidrName(family) }),
  /** Prefixes apart by comma or space. */
  cidrList: (family?: 4 | 6) =>
    parsed(
      (text): readonly string[] | undefined => {
        const list = splitList(text).map((item) => canonicalCidr(item, family));
        return list.every((item) => item !== undefined) ? list : undefined;
      },
      { expects: `a list of ${cidrName(family)}`, repeatable: true },
    ),
  /** Texts apart by comma or space, all of which match. */
  list: (expects = "a list apart by commas", matches: (item: string) => boolean = () => true) =>
    parsed(
      (text): readonly string[] | undefined => {
        const items = splitList(text);
        return items.every(matches) ? items : undefined;
      },
      { expects, repeatable: true },
    ),
  /** What `parse` makes of the text; undefined is bad text. */
  parsed: <T>(parse: (text: string) => T | undefined, expects: string, repeatable = false) =>
    parsed(parse, { expects, repeatable }),
  /** `key=value` pairs apart by commas; the flag may be repeated. */
  map: () => parsed(parseMap, { expects: "key=value pairs apart by commas, or a JSON object", repeatable: true }),
} as const;

function canonicalCidr(text: string, family: 4 | 6 | undefined): string | undefined {
  const cidr = attempt(() => parseCidr(text));
  return cidr !== undefined && (family === undefined || cidr.family === family) ? formatCidr(cidr) : undefined;
}

function cidrName(family: 4 | 6 | undefined): string {
  if (family === undefined) return "prefixes such as 10.0.0.0/8 or fd00::/64";
  return family === 4 ? "IPv4 prefixes such as 10.0.0.0/8" : "IPv6 prefixes such as fd00::/64";
}
