// SPDX-License-Identifier: Apache-2.0
// The agent's REST API: HTTP on a unix socket, base /v1.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type Clock, createLogger, errorChain, type Logger, oneLine, systemClock } from "../core/index.ts";
import { BodyBudget, discardBody, hasBody, RequestBody } from "./body.ts";
import { ApiError } from "./errors.ts";
import { type RateLimit, RateLimiter } from "./rate-limit.ts";
import { defaultRateLimits, type RateLimitName } from "./rate-limits.ts";
import { agentBase, findRoute, MethodError, type Route, type RouteResponse } from "./router.ts";
import { routes } from "./routes/registry.ts";
import type { AgentApi } from "./types.ts";
import { listenUnix } from "./unix-socket.ts";

export interface ApiServerOptions {
  readonly api: AgentApi;
  /** Usually /var/run/cilium/cilium.sock. */
  readonly socketPath: string;
  /** Default: the agent's own, below /v1. */
  readonly routes?: { readonly base: string; readonly list: readonly Route[] };
  /** Default 0o660. */
  readonly mode?: number;
  /** Replaces defaults by class. */
  readonly rateLimits?: Partial<Record<RateLimitName, RateLimit>>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** How long a client may take for its headers (10 s) and for a whole request (60 s), in ms. */
  readonly timeouts?: { readonly headers: number; readonly request: number };
}

export interface ApiServer {
  /** Resolves when clients may connect. Throws CiliumError when the socket cannot be had. */
  start(): Promise<void>;
  /** Takes no new calls, lets running ones end for up to two seconds, removes the socket. */
  stop(): Promise<void>;
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
    sendError(context, request, response, new ApiError(417, "Cannot serve request: unknown expectation"));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuse(error, socket));
  return {
    start: () => listenUnix(server, options.socketPath, options.mode ?? 0o660),
    stop: () => close(server),
  };
}

interface Context extends ApiServerOptions {
  readonly logger: Logger;
  readonly limiters: Readonly<Record<RateLimitName, RateLimiter>>;
  readonly bodies: BodyBudget;
  /** Under way now. */
  calls: number;
}

async function serve(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  context.calls++;
  response.once("close", () => {
    context.calls--;
    gone.abort();
  });
  try {
    if (context.calls > maxCalls) throw new ApiError(503, "Cannot serve request: too many at once (try again later)");
    const url = requestUrl(request);
    const { base, list } = context.routes ?? { base: agentBase, list: routes };
    const { route, params } = findRoute(list, request.method ?? "GET", url.pathname, base);
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
    });
    send(response, result);
  } catch (error) {
    sendError(context, request, response, error);
  }
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

function send(response: ServerResponse, { status, body }: RouteResponse): void {
  response.end(writeHead(response, { status, body }));
}

/** Writes the head and gives the text that belongs behind it. */
function writeHead(response: ServerResponse, { status, body }: RouteResponse): string {
  const plain = typeof body === "string";
  const text = body === undefined ? "" : plain ? body : `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": plain ? "text/plain; version=0.0.4" : "application/json",
    "content-length": Buffer.byteLength(text),
  });
  return text;
}

function sendError({ logger }: Context, request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  const expected = thrown instanceof ApiError;
  const status = expected ? thrown.status : 500;
  if (!expected) {
    const path = oneLine(request.url ?? "");
    logger.error("API call failed", { method: request.method, path, error: errorChain(thrown) });
  }
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  if (thrown instanceof MethodError) response.setHeader("allow", thrown.allowed.join(", "));
  const answer = { status, body: { code: status, message: oneLine(errorChain(thrown)) } };
  if (request.complete || !hasBody(request)) {
    send(response, answer);
    return;
  }
  // The client is still sending: it gets the answer now, and the end of the connection when it has done so.
  response.setHeader("connection", "close");
  response.write(writeHead(response, answer));
  void discardBody(request).then(() => response.end());
}

function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, text] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? [431, "Request Header Fields Too Large"]
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? [408, "Request Timeout"]
        : [400, "Bad Request"];
  const body = JSON.stringify({ code: status, message: `Cannot read request: ${text}` });
  socket.end(
    `HTTP/1.1 ${status} ${text}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
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
