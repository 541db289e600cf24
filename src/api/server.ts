// SPDX-License-Identifier: Apache-2.0
// The agent's REST API: HTTP on a unix socket.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Clock, createLogger, type Logger, systemClock } from "../core/index.ts";
import { accessName, allowedRoutes } from "./access.ts";
import { refuse, send, sendError } from "./answer.ts";
import { BodyBudget, RequestBody } from "./body.ts";
import { ApiError } from "./errors.ts";
import { type LimiterState, RateLimiter } from "./rate-limit.ts";
import { defaultRateLimits, type RateLimitName, type RateLimits } from "./rate-limits.ts";
import { findRoute, type Route, type RouteGroup } from "./router.ts";
import { agentRoutes } from "./routes/registry.ts";
import type { AgentApi } from "./types.ts";
import { listenUnix } from "./unix-socket.ts";

export interface ApiServerOptions {
  readonly api: AgentApi;
  /** Usually /var/run/cilium/cilium.sock. */
  readonly socketPath: string;
  /** Default: the agent's own. */
  readonly routes?: readonly RouteGroup[];
  /** Which calls are served, as in `allowedRoutes`; the others get 403. Default: all. */
  readonly access?: readonly string[];
  /** Default 0o660. */
  readonly mode?: number;
  /** Replaces defaults by class. */
  readonly rateLimits?: Partial<RateLimits>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** How long a client may take for its headers (10 s) and for a whole request (60 s), in ms. */
  readonly timeouts?: { readonly headers: number; readonly request: number };
  /** Called for each call that was answered. */
  readonly observe?: (call: AnsweredCall) => void;
}

/** A call for statistics; `path` is the route's, with its base. */
export interface AnsweredCall {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly seconds: number;
  /** The limit that it went through, if any. */
  readonly limit: RateLimitName | undefined;
}

export interface ApiServer {
  /** Resolves when clients may connect. Throws CiliumError when the socket cannot be had. */
  start(): Promise<void>;
  /** Takes no new calls, lets running ones end for up to two seconds, removes the socket. */
  stop(): Promise<void>;
  /** How the limits are used. */
  limiters(): readonly LimiterState[];
}

const maxConnections = 512;
/** Calls under way on all connections; more than connections, since clients may send several without waiting. */
const maxCalls = 1024;
const stopGrace = 2000;

/** Makes the server; nothing is opened before `start()`. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const logger = options.logger ?? createLogger("api");
  const context: Context = {
    ...options,
    logger,
    limiters: createLimiters(options),
    bodies: new BodyBudget(),
    allowed: options.access && allowedRoutes(options.routes ?? agentRoutes, options.access),
    stopping: new AbortController(),
    calls: 0,
  };
  const { headers, request } = options.timeouts ?? { headers: 10_000, request: 60_000 };
  const server = createServer({
    maxHeaderSize: 64 * 1024,
    headersTimeout: headers,
    requestTimeout: request,
    // Time-outs are noticed by a check that by default comes every 30 s.
    connectionsCheckingInterval: Math.min(1000, headers),
    // There is one host behind a socket file.
    requireHostHeader: false,
  });
  server.maxConnections = maxConnections;
  server.keepAliveTimeout = 5000;
  server.on("request", (request, response) => void serve(context, request, response));
  server.on("checkExpectation", (request, response) => {
    sendError(logger, request, response, new ApiError(417, "Cannot serve request: unknown expectation"));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuse(error, socket));
  return {
    start: () => listenUnix(server, options.socketPath, options.mode ?? 0o660),
    stop: () => {
      context.stopping.abort();
      return close(server);
    },
    limiters: () => Object.values(context.limiters).map(({ state }) => state),
  };
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

interface Context extends ApiServerOptions {
  readonly logger: Logger;
  readonly limiters: Readonly<Record<RateLimitName, RateLimiter>>;
  readonly bodies: BodyBudget;
  readonly allowed: ReadonlySet<Route> | undefined;
  /** Ends streams. */
  readonly stopping: AbortController;
  /** Under way now. */
  calls: number;
}

async function serve(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  const started = performance.now();
  const answered: Pick<Writable<AnsweredCall>, "path" | "status" | "limit"> = { path: "", status: 0, limit: undefined };
  context.calls++;
  response.once("close", () => {
    context.calls--;
    gone.abort();
  });
  try {
    if (context.calls > maxCalls) throw new ApiError(503, "Cannot serve request: too many at once (try again later)");
    const url = requestUrl(request);
    const groups = context.routes ?? agentRoutes;
    const { route, params, base } = findRoute(groups, request.method ?? "GET", url.pathname);
    answered.path = base + route.path;
    answered.limit = route.limit;
    if (context.allowed?.has(route) === false) throw forbidden(url.pathname, base, route);
    using body = new RequestBody(request, context.bodies);
    // A client that sends slowly must not hold the turn of others.
    if (route.limit !== undefined) await body.read();
    using _turn = await acquire(context, route, gone.signal);
    const result = await route.handle({
      api: context.api,
      params,
      query: url.searchParams,
      header: (name) => headerOf(request, name),
      body: () => body.read(),
      get signal() {
        return AbortSignal.any([gone.signal, context.stopping.signal]);
      },
    });
    answered.status = result.status;
    await send(response, result);
  } catch (error) {
    answered.status = sendError(context.logger, request, response, error);
  }
  const seconds = (performance.now() - started) / 1000;
  context.observe?.({ method: request.method ?? "GET", ...answered, seconds });
}

function forbidden(path: string, base: string, route: Route): ApiError {
  const name = accessName(base, route);
  return new ApiError(
    403,
    `Cannot ${route.method} "${path}": ${name} is not allowed (see the agent's enable-cilium-api-server-access)`,
  );
}

function requestUrl(request: IncomingMessage): URL {
  const target = request.url ?? "/";
  const url = URL.parse(target.startsWith("/") ? `http://agent${target}` : target);
  if (url === null) throw new ApiError(400, "Cannot read request: bad target");
  return url;
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : value?.[0];
}

async function acquire(context: Context, route: Route, signal: AbortSignal): Promise<Disposable> {
  if (route.limit === undefined) return { [Symbol.dispose]: () => undefined };
  return context.limiters[route.limit].acquire(signal);
}

function createLimiters(options: ApiServerOptions): Record<RateLimitName, RateLimiter> {
  const make = (name: RateLimitName): RateLimiter => {
    return new RateLimiter(name, options.rateLimits?.[name] ?? defaultRateLimits[name], options.clock ?? systemClock);
  };
  return {
    "endpoint-create": make("endpoint-create"),
    "endpoint-patch": make("endpoint-patch"),
    "endpoint-get": make("endpoint-get"),
    "endpoint-list": make("endpoint-list"),
    "endpoint-delete": make("endpoint-delete"),
  };
}

function close(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), stopGrace);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}
