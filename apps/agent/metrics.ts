// SPDX-License-Identifier: Apache-2.0
// The agent's metrics, and the server that shows them.
import { createServer, type Server } from "node:http";
import {
  boundConnections,
  CiliumError,
  createLogger,
  type Metrics,
  type Module,
  type ReadonlyTable,
} from "../../src/core/index.ts";
import type { Datapath } from "../../src/datapath/index.ts";
import type { IdentityRow } from "../../src/identity/index.ts";
import type { Ipam } from "../../src/ipam/index.ts";
import type { IpcacheRow } from "../../src/ipcache/index.ts";
import {
  type EndpointMetricsDeps,
  type PolicyMetricsDeps,
  registerBpf,
  registerEndpoints,
  registerNat,
  registerPolicyMetrics,
  registerState,
  registerSweeps,
  registerTraffic,
  type SharedTables,
} from "./metrics/index.ts";
import type { NatUse } from "./nat-use.ts";

export interface MetricsDeps extends PolicyMetricsDeps, EndpointMetricsDeps {
  readonly identities: ReadonlyTable<IdentityRow, number>;
  readonly ipcache: ReadonlyTable<IpcacheRow, string>;
  readonly datapath: Pick<Datapath, "maps" | "sweeps">;
  readonly natUse: Pick<NatUse, "top">;
  readonly ipam: Ipam;
  /** Absent where nothing is shared. */
  readonly shared?: SharedTables;
}

/** Registers gauges that are read when somebody asks. */
export function registerMetrics(metrics: Metrics, deps: MetricsDeps): void {
  // A type that is gone must read 0, not what it was.
  const seenResources = new Set<string>();
  const gauge = (name: string, help: string, value: () => number) =>
    metrics.gauge({ name, help, collect: (metric) => metric.set(value()) });
  registerEndpoints(metrics, deps);
  registerPolicyMetrics(metrics, deps);
  registerBpf(metrics, deps);
  gauge("agent_heap_bytes", "Bytes of the agent's heap in use", () => process.memoryUsage().heapUsed);
  metrics.gauge({
    name: "agent_active_resources",
    help: "Timers, sockets and other handles that the agent holds, by type",
    labels: ["type"],
    collect(metric) {
      const groups = Map.groupBy(process.getActiveResourcesInfo(), (type) => type);
      for (const type of seenResources) metric.set(groups.get(type)?.length ?? 0, { type });
      for (const [type, resources] of groups) {
        seenResources.add(type);
        metric.set(resources.length, { type });
      }
    },
  });
  metrics.gauge({
    name: "ip_addresses",
    help: "Addresses in use by family",
    labels: ["family"],
    collect(metric) {
      for (const pool of deps.ipam.status()) metric.set(pool.used, { family: `ipv${pool.family}` });
    },
  });
  registerTraffic(metrics, deps.datapath);
  registerState(metrics, deps);
  registerSweeps(metrics, deps.datapath);
  registerNat(metrics, deps.natUse);
}

const log = createLogger("metrics");
/** Of those who ask for metrics. */
const maxConnections = 64;

/** Serves /metrics at `[ADDRESS]:PORT`; nowhere when that is empty. */
export function createMetricsModule(metrics: Metrics, address: string): Module {
  let server: Server | undefined;
  return {
    name: "metrics",
    async start() {
      if (address === "") return;
      const colon = address.lastIndexOf(":");
      const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
      const listening = createServer((request, response) => {
        if (request.method !== "GET" || request.url !== "/metrics") {
          response.writeHead(404).end();
          return;
        }
        metrics.expose(request.headers.accept).then(
          ({ contentType, text }) => response.writeHead(200, { "content-type": contentType }).end(text),
          (error: unknown) => response.writeHead(500).end(String(error)),
        );
      });
      Object.assign(listening, { headersTimeout: 10_000, requestTimeout: 10_000 });
      server = listening;
      await new Promise<void>((resolve, reject) => {
        listening.once("error", (error) =>
          reject(new CiliumError(`Cannot serve metrics at "${address}": ${error.message}`, { cause: error })),
        );
        listening.listen({ port: Number(address.slice(colon + 1)), ...(host === "" ? {} : { host }) }, resolve);
      });
      boundConnections(listening, maxConnections, (error) =>
        log.warn("Cannot take a connection for metrics", { error: error.message }),
      );
    },
    async stop() {
      server?.closeAllConnections();
      await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
    },
  };
}
