// SPDX-License-Identifier: Apache-2.0
// Routes as data, and how a request finds its route.
import { ApiError } from "./errors.ts";
import type { ModelName } from "./models/index.ts";
import type { RateLimitName } from "./rate-limits.ts";
import type { AgentApi } from "./types.ts";

export type Method = "GET" | "PUT" | "POST" | "PATCH" | "DELETE";

/** What a handler gets. */
export interface RouteRequest {
  readonly api: AgentApi;
  /** Values of the `{name}` parts, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** One value of a header, or undefined. */
  header(name: string): string | undefined;
  /** Parsed body; undefined when there is none. */
  body(): Promise<unknown>;
  /** Aborts when the client went away or the server stops. */
  readonly signal: AbortSignal;
}

/** What a handler gives: a JSON value, or plain text when it is a string; undefined is an empty body. */
export interface RouteResponse {
  readonly status: number;
  readonly body?: unknown;
  /** Instead of `body`: values that are sent as they come, one JSON text a line. */
  readonly stream?: AsyncIterable<unknown>;
}

/** A query parameter or header. */
export interface Parameter {
  readonly type: "string" | "integer" | "boolean";
  readonly about: string;
  readonly values?: readonly string[];
}

/** What an answer holds; `none` is an empty body, `stream` is one JSON text a line. */
export type Content = ModelName | `${ModelName}[]` | `${ModelName} stream` | "text" | "number" | "object" | "none";

/** A call of the API: what the OpenAPI description says of it, and what answers it. */
export interface Route {
  readonly method: Method;
  /** Below the base, such as "/endpoint/{id}/log". */
  readonly path: string;
  readonly summary: string;
  readonly limit?: RateLimitName;
  readonly query?: Readonly<Record<string, Parameter>>;
  readonly headers?: Readonly<Record<string, Parameter>>;
  readonly body?: ModelName;
  /** By status; what is asked for by `accept` comes second. */
  readonly answers: Readonly<Record<number, Content | readonly [Content, Content]>>;
  /** Statuses of refusals that are this call's own; all calls may be refused with others, see `commonErrors`. */
  readonly errors?: readonly number[];
  readonly handle: (request: RouteRequest) => RouteResponse | Promise<RouteResponse>;
}

/** Routes below one base path. */
export interface RouteGroup {
  /** Such as "/v1". */
  readonly base: string;
  readonly list: readonly Route[];
}

export interface Match {
  readonly base: string;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** Base path of the agent's own API. */
export const agentBase = "/v1";

/** Finds the route of a request. Throws ApiError 400 (bad escape), 404 or 405 (with the allowed methods). */
export function findRoute(groups: readonly RouteGroup[], method: string, pathname: string): Match {
  const parts = splitPath(pathname);
  const allowed: string[] = [];
  for (const { base, list } of groups) {
    for (const route of list) {
      const params = matchPath(splitPath(base + route.path), parts);
      if (params === undefined) continue;
      if (route.method === method) return { base, route, params };
      allowed.push(route.method);
    }
  }
  if (allowed.length === 0) {
    const bases = groups.map(({ base }) => base).join(", ");
    throw new ApiError(404, `Cannot find "${pathname}": no such path (base ${bases})`);
  }
  throw new MethodError(method, pathname, allowed);
}

/** 405, with what is allowed. */
export class MethodError extends ApiError {
  readonly allowed: readonly string[];

  constructor(method: string, pathname: string, allowed: readonly string[]) {
    super(405, `Cannot ${method} "${pathname}": method not allowed (allowed: ${allowed.join(", ")})`);
    this.allowed = allowed;
  }
}

function splitPath(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function matchPath(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const part = parts[index] ?? "";
    if (expected.startsWith("{")) params[expected.slice(1, -1)] = decode(part);
    else if (expected !== part) return undefined;
  }
  return params;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ApiError(400, `Cannot read path part "${part}": bad percent escape`);
  }
}
