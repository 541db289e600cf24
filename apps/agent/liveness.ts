// SPDX-License-Identifier: Apache-2.0
// Whether the agent is well, for who asks over TCP on this node: kubelet's probes.
import { createServer, type Server } from "node:http";
import type { AgentApi } from "../../src/api/index.ts";
import { createLogger, type Health, type Module, toError } from "../../src/core/index.ts";

/** IPv4 first; a node may lack the other one. */
const hosts = ["127.0.0.1", "::1"] as const;
const log = createLogger("liveness");

/**
 * `GET /healthz`: 200, or 503 with why; header `brief: true` leaves the parts out. Serves on localhost; port 0: nowhere.
 * A port that cannot be had is told of, and stops nothing.
 */
export function createLiveness(api: Pick<AgentApi, "healthz">, port: number): Module {
  const servers: Server[] = [];
  let problem: string | undefined;
  return {
    name: "liveness",
    async start() {
      if (port === 0) return;
      const outcomes = await Promise.all(
        hosts.map(async (host) => {
          const server = makeServer(api);
          const error = await listening(server, host, port);
          if (error === undefined) servers.push(server);
          return error;
        }),
      );
      if (servers.length > 0) return;
      problem = `Nobody can probe the agent: ${outcomes[0]?.message ?? "no address"}`;
      log.warn("Cannot listen for liveness probes", { port, error: outcomes[0]?.message });
    },
    async stop() {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
    },
    health: (): Health => (problem === undefined ? { state: "ok" } : { state: "degraded", message: problem }),
  };
}

function makeServer(api: Pick<AgentApi, "healthz">): Server {
  const server = createServer((request, response) => {
    if (request.method !== "GET" || request.url !== "/healthz") {
      response.writeHead(404).end();
      return;
    }
    const brief = request.headers.brief === "true";
    const requireK8s = request.headers["require-k8s-connectivity"] !== "false";
    Promise.try(() => api.healthz({ brief, requireK8s })).then(
      (status) => {
        const well = status.cilium.state === "Ok" || status.cilium.state === "Disabled";
        response.writeHead(well ? 200 : 503, { "content-type": "application/json" }).end(`${JSON.stringify(status)}\n`);
      },
      (error: unknown) => response.writeHead(503).end(`${toError(error).message}\n`),
    );
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  return server;
}

function listening(server: Server, host: string, port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    server.once("error", resolve);
    server.listen({ host, port }, () => resolve(undefined));
  });
}
