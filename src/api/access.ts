// SPDX-License-Identifier: Apache-2.0
// Which calls are served at all. Names are Cilium's: the method and the words of the path, such as `PutEndpointID`.
import { CiliumError, nearest } from "../core/index.ts";
import type { Route, RouteGroup } from "./router.ts";

/** Words of paths that are written in capitals as a whole. */
const capitals: ReadonlySet<string> = new Set(["bgp", "id", "ip", "ipam", "lrp"]);

/** Calls of Cilium's that are not here: who allows them allows nothing by that. */
const callsOfOthers: ReadonlySet<string> = new Set([
  ...["GetService", "GetServiceID", "GetLRP", "GetFqdnCache", "GetFqdnCacheID", "GetFqdnNames", "DeleteFqdnCache"],
]);

/** The name of a call; `/statedb/dump` is `GetStatedbDump`. */
export function accessName(base: string, { method, path }: Pick<Route, "method" | "path">): string {
  // What Cilium serves outside of its versions has its base in the name here.
  const words = `${/^\/v\d/.test(base) ? "" : base}${path}`.split(/[/{}.-]+/).filter((word) => word !== "");
  return (
    capitalized(method) + words.map((word) => (capitals.has(word) ? word.toUpperCase() : capitalized(word))).join("")
  );
}

/**
 * The routes that patterns allow: names, where the last character may be `*`. Throws CiliumError for a pattern that
 * matches nothing, which would else be a call that somebody believes to be open.
 */
export function allowedRoutes(groups: readonly RouteGroup[], patterns: readonly string[]): ReadonlySet<Route> {
  const named = groups.flatMap(({ base, list }) => list.map((route) => [accessName(base, route), route] as const));
  const allowed = new Set<Route>();
  for (const pattern of patterns) {
    const found = named.filter(([name]) => matches(pattern, name));
    if (found.length === 0 && ![...callsOfOthers].some((name) => matches(pattern, name))) {
      const guess = nearest(
        pattern,
        named.map(([name]) => name),
      );
      throw new CiliumError(
        `Cannot allow API calls "${pattern}": no such call (${guess === undefined ? "such as GetHealthz, PutEndpointID, Get*" : `did you mean ${guess}?`})`,
      );
    }
    for (const [, route] of found) allowed.add(route);
  }
  return allowed;
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
}
