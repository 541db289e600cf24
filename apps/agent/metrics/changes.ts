// SPDX-License-Identifier: Apache-2.0
// What happened: endpoints that were regenerated, prefixes that came and went, maps that were written.
import type { Batch, Metrics, Module, ReadonlyTable, Status } from "../../../src/core/index.ts";
import type { EndpointRow } from "../../../src/endpoint/index.ts";
import type { IpcacheRow, NodeAddressRow } from "../../../src/ipcache/index.ts";

export interface ChangeMetricsDeps {
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly ipcache: ReadonlyTable<IpcacheRow, string>;
  readonly nodeAddresses: ReadonlyTable<NodeAddressRow, string>;
}

type Kept = { readonly status: Status };

/** Registers the metrics; counting begins when the module starts. */
export function createChangeMetrics(metrics: Metrics, deps: ChangeMetricsDeps): Module {
  const endpointChanged = endpointMetrics(metrics);
  const ipcacheChanged = ipcacheMetrics(metrics);
  const written = mapMetrics(metrics);
  const watches: Disposable[] = [];
  return {
    name: "change-metrics",
    async start() {
      watches.push(
        deps.endpoints.onChange((batch) => {
          endpointChanged(batch);
          written("lxc", batch);
        }),
        deps.ipcache.onChange((batch) => {
          ipcacheChanged(batch);
          written("ipcache_v2", batch);
        }),
        deps.nodeAddresses.onChange((batch) => written("node_map_v2", batch)),
      );
    },
    async stop() {
      for (const watch of watches.splice(0)) watch[Symbol.dispose]();
    },
  };
}

/** What a reconciler brought about with a change; undefined when it is still at work, or nothing is new. */
function outcomeOf({ status }: Kept, previous: Kept | undefined): "success" | "fail" | undefined {
  if (status.kind === "pending" || status === previous?.status) return undefined;
  return status.kind === "done" ? "success" : "fail";
}

function endpointMetrics(metrics: Metrics): (batch: Batch<EndpointRow>) => void {
  const runs = metrics.counter({
    name: "endpoint_regenerations_total",
    help: "How often endpoints were brought to what they should be",
    labels: ["reason", "outcome", "error"],
  });
  const seconds = metrics.histogram({
    name: "endpoint_regeneration_time_stats_seconds",
    help: "Seconds from a change of an endpoint to its being in the kernel",
    labels: ["scope", "status"],
  });
  const propagation = metrics.histogram({
    name: "endpoint_propagation_delay_seconds",
    help: "Seconds from the making of an endpoint to its being in the kernel with its policy",
  });
  const restored = metrics.gauge({
    name: "endpoint_restoration_endpoints",
    help: "Endpoints of an earlier run of the agent that were taken over",
    labels: ["phase", "outcome"],
  });
  return (batch) => {
    for (const change of batch) {
      if (change.kind === "delete") continue;
      const { row, previous } = change;
      if (previous?.phase === "restoring" && row.phase === "active") {
        restored.inc({ phase: "restoration", outcome: "successful" });
      }
      const outcome = row.phase === "active" ? outcomeOf(row, previous) : undefined;
      if (outcome === undefined) continue;
      runs.inc({ reason: "", outcome, error: outcome === "success" ? "" : "error" });
      const [first] = row.log;
      if (outcome === "success" && previous?.policy === undefined && first?.state !== "restoring") {
        propagation.observe(Math.max(0, row.status.since - (first?.time ?? row.status.since)) / 1000);
      }
      const since = previous?.status.kind === "pending" ? previous.status.since : row.status.since;
      seconds.observe(Math.max(0, row.status.since - since) / 1000, {
        ...{ scope: "total", status: outcome === "success" ? "success" : "failure" },
      });
    }
  };
}

function ipcacheMetrics(metrics: Metrics): (batch: Batch<IpcacheRow>) => void {
  const events = metrics.counter({
    ...{ name: "ipcache_events_total", help: "Prefixes that came, changed or went", labels: ["type"], off: true },
  });
  const errors = metrics.counter({
    name: "ipcache_errors_total",
    help: "Prefixes that could not be written into the map",
    labels: ["type", "error"],
  });
  return (batch) => {
    for (const change of batch) {
      if (change.kind === "delete") events.inc({ type: "delete" });
      else if (change.row.status.kind === "pending") events.inc({ type: "upsert" });
      else if (outcomeOf(change.row, change.previous) === "fail") errors.inc({ type: "upsert", error: "map_update" });
    }
  };
}

function mapMetrics(metrics: Metrics): (map: string, batch: Batch<Kept & object>) => void {
  const operations = metrics.counter({
    name: "bpf_map_ops_total",
    help: "Entries of maps that were written or deleted for rows of the agent's tables",
    labels: ["map_name", "operation", "outcome"],
  });
  return (map, batch) => {
    for (const change of batch) {
      const outcome = change.kind === "delete" ? "success" : outcomeOf(change.row, change.previous);
      const operation = change.kind === "delete" ? "delete" : "update";
      if (outcome !== undefined) operations.inc({ map_name: map, operation, outcome });
    }
  };
}
