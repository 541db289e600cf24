// SPDX-License-Identifier: Apache-2.0
// The classes of API calls, their default limits, and how users write others.
import { parseDuration } from "../core/index.ts";
import type { RateLimit } from "./rate-limit.ts";

export const rateLimitNames = [
  "endpoint-create",
  "endpoint-patch",
  "endpoint-get",
  "endpoint-list",
  "endpoint-delete",
] as const;

/** Classes of calls that are limited, as in Cilium's `--api-rate-limit`. */
export type RateLimitName = (typeof rateLimitNames)[number];

export type RateLimits = Readonly<Record<RateLimitName, RateLimit>>;

/** No limit, which is what one is where nothing is said. */
export const unlimited: RateLimit = {
  ...{ rate: 0, burst: 1, parallel: 0, minParallel: 1, maxParallel: 0, minWait: 0, maxWait: 0 },
  ...{ estimated: 0, autoAdjust: false, skipInitial: 0, meanOver: 10, delayedFactor: 0.5, maxFactor: 100, log: false },
};

/** Cilium's. They adjust themselves: a build that takes 20 ms instead of 2 s allows a hundred times as many. */
export const defaultRateLimits: RateLimits = {
  "endpoint-create": {
    ...{ ...unlimited, autoAdjust: true, estimated: 2000, skipInitial: 4 },
    ...{ rate: 0.5, burst: 4, parallel: 4, maxWait: 60_000 },
  },
  "endpoint-patch": {
    ...{ ...unlimited, autoAdjust: true, estimated: 1000, skipInitial: 4 },
    ...{ rate: 0.5, burst: 4, parallel: 4, maxWait: 15_000 },
  },
  "endpoint-get": {
    ...{ ...unlimited, autoAdjust: true, estimated: 200, skipInitial: 4 },
    ...{ rate: 4, burst: 4, parallel: 4, minParallel: 2, maxWait: 10_000 },
  },
  "endpoint-list": {
    ...{ ...unlimited, autoAdjust: true, estimated: 300, skipInitial: 4 },
    ...{ rate: 1, burst: 4, parallel: 2, minParallel: 2 },
  },
  // What is gone must be able to go: no rate.
  "endpoint-delete": { ...unlimited, autoAdjust: true, estimated: 200, parallel: 4, minParallel: 4 },
};

/** For an agent that does not limit its API. */
export const noRateLimits: RateLimits = {
  ...{ "endpoint-create": unlimited, "endpoint-patch": unlimited, "endpoint-get": unlimited },
  ...{ "endpoint-list": unlimited, "endpoint-delete": unlimited },
};

type Setting = (text: string) => Partial<RateLimit> | undefined;

/** What may be set, by its name in the configuration; undefined for a bad value. */
const settings: Readonly<Record<string, Setting>> = {
  "rate-limit": (text) => {
    const rate = parseRate(text);
    return rate === undefined ? undefined : { rate };
  },
  "rate-burst": number(/^\d{1,6}$/, (burst) => ({ burst })),
  "parallel-requests": number(/^\d{1,6}$/, (parallel) => ({ parallel })),
  "min-parallel-requests": number(/^\d{1,6}$/, (minParallel) => ({ minParallel })),
  "max-parallel-requests": number(/^\d{1,6}$/, (maxParallel) => ({ maxParallel })),
  "min-wait-duration": duration((minWait) => ({ minWait })),
  "max-wait-duration": duration((maxWait) => ({ maxWait })),
  "estimated-processing-duration": duration((estimated) => ({ estimated })),
  "mean-over": number(/^[1-9]\d{0,3}$/, (meanOver) => ({ meanOver })),
  "skip-initial": number(/^\d{1,6}$/, (skipInitial) => ({ skipInitial })),
  "delayed-adjustment-factor": number(/^(0(\.\d+)?|1(\.0+)?)$/, (delayedFactor) => ({ delayedFactor })),
  "max-adjustment-factor": number(/^[1-9]\d{0,5}(\.\d+)?$/, (maxFactor) => ({ maxFactor })),
  "auto-adjust": onOff((autoAdjust) => ({ autoAdjust })),
  log: onOff((log) => ({ log })),
};

/** For messages and help. */
export const rateLimitsExpected = `CALL=SETTING:VALUE,… with ${rateLimitNames.join(", ")} and ${Object.keys(settings).join(", ")}, such as endpoint-create=rate-limit:10/m,rate-burst:2`;

/**
 * Calls to their settings, as `--api-rate-limit` has them: `endpoint-create=rate-limit:10/m,rate-burst:2,endpoint-get=log:true`,
 * or a JSON object. Undefined for bad text, or what there is not.
 */
export function parseRateLimits(text: string): ReadonlyMap<string, string> | undefined {
  const calls = callsOf(text);
  return calls?.every(([name, given]) => isLimited(name) && settingsOf(given) !== undefined)
    ? new Map(calls)
    : undefined;
}

/** The limits with such settings; what is not named stays as it is by default. */
export function rateLimitsWith(calls: ReadonlyMap<string, string>): RateLimits {
  const limits: Record<RateLimitName, RateLimit> = { ...defaultRateLimits };
  for (const name of rateLimitNames) limits[name] = { ...limits[name], ...settingsOf(calls.get(name) ?? "") };
  return limits;
}

function isLimited(name: string): boolean {
  return rateLimitNames.some((known) => known === name);
}

function settingsOf(given: string): Partial<RateLimit> | undefined {
  let all: Partial<RateLimit> = {};
  for (const item of given.split(",").filter((part) => part !== "")) {
    const colon = item.indexOf(":");
    const change = settings[item.slice(0, colon).trim().toLowerCase()]?.(item.slice(colon + 1).trim());
    if (change === undefined) return undefined;
    all = { ...all, ...change };
  }
  return all;
}

/** A comma stands between settings, and between calls: what has `=` begins a call. */
function callsOf(text: string): readonly (readonly [name: string, settings: string])[] | undefined {
  if (text.startsWith("{")) {
    const json = jsonOf(text);
    const entries = typeof json === "object" && json !== null ? Object.entries(json) : undefined;
    return entries?.every((entry): entry is [string, string] => typeof entry[1] === "string") ? entries : undefined;
  }
  const calls: [string, string][] = [];
  for (const part of text.split(",").filter((item) => item.trim() !== "")) {
    const equals = part.indexOf("=");
    const last = calls.at(-1);
    if (equals >= 0) calls.push([part.slice(0, equals).trim(), part.slice(equals + 1)]);
    else if (last === undefined) return undefined;
    else last[1] += `,${part}`;
  }
  return calls;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `10/m`, `3.5/h`, `1/100ms`: calls a second. An interval needs its unit. */
function parseRate(text: string): number | undefined {
  const [, count, interval = ""] = /^(\d{1,9}(?:\.\d{1,9})?)\/(.*)$/.exec(text) ?? [];
  const ms = parseDuration(/^\d/.test(interval) ? interval : `1${interval}`);
  return count === undefined || ms === undefined || ms === 0 ? undefined : Number(count) / (ms / 1000);
}

function number(allowed: RegExp, setting: (value: number) => Partial<RateLimit>): Setting {
  return (text) => (allowed.test(text) ? setting(Number(text)) : undefined);
}

function duration(setting: (ms: number) => Partial<RateLimit>): Setting {
  return (text) => {
    const ms = parseDuration(text);
    return ms === undefined ? undefined : setting(ms);
  };
}

function onOff(setting: (on: boolean) => Partial<RateLimit>): Setting {
  return (text) =>
    /^(true|1|t)$/i.test(text) ? setting(true) : /^(false|0|f)$/i.test(text) ? setting(false) : undefined;
}
