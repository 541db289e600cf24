// SPDX-License-Identifier: Apache-2.0
// The question over HTTP, and the responder that answers it: GET /hello on the health port.
import { createServer, get, type Server } from "node:http";
import { boundConnections, createLogger } from "../core/index.ts";
import type { Fd } from "../kernel/index.ts";
import type { ProbeResult } from "./types.ts";

const log = createLogger("health");

/** Asks `ip` for /hello over a connection of its own. Resolves with the time until the answer, or with the problem. */
export function askHello(ip: string, port: number, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const sent = process.hrtime.bigint();
    const end = (result: ProbeResult) => {
      clearTimeout(timer);
      resolve(result);
      request.destroy();
    };
    const request = get({ host: ip, port, path: "/hello", agent: false }, (response) => {
      response.resume();
      const { statusCode } = response;
      if (statusCode === 200) end({ ok: true, latencyNs: Number(process.hrtime.bigint() - sent) });
      else end({ ok: false, problem: `HTTP status ${statusCode}` });
    });
    request.on("error", (error: NodeJS.ErrnoException) => end({ ok: false, problem: error.code ?? error.message }));
    const timer = setTimeout(end, timeoutMs, { ok: false, problem: `no answer within ${timeoutMs / 1000} s` });
  });
}

const maxConnections = 256;

/** Answers on listening sockets, wherever they are; knows nothing but /hello, since anybody may ask. */
export class Responder {
  readonly #servers: Server[] = [];

  /** Takes a listening socket over. */
  serve(listener: Fd): void {
    const server = createServer({ connectionsCheckingInterval: 30_000 }, (request, response) => {
      request.resume();
      const known = request.method === "GET" && request.url === "/hello";
      response.writeHead(known ? 200 : 404, { "content-length": 0, connection: "close" }).end();
    });
    server.headersTimeout = 5000;
    server.requestTimeout = 5000;
    boundConnections(server, maxConnections, (error) =>
      log.warn("Cannot take a connection of a prober", { error: error.message }),
    );
    server.listen({ fd: listener.disown() });
    server.unref();
    this.#servers.push(server);
  }

  /** Ends all connections. It may serve again. */
  async stop(): Promise<void> {
    const closed = this.#servers.splice(0).map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    await Promise.all(closed);
  }
}
