// SPDX-License-Identifier: Apache-2.0
// What endpoints there are, how they are, and what policy enforces for them.
import { endpointStates, type Gauge, type Metrics, type ReadonlyTable } from "../../../src/core/index.ts";
import { type EndpointDefaults, type EndpointRow, endpointState, isAudited } from "../../../src/endpoint/index.ts";
import { policyEnabled, toHealthModel } from "../api/endpoint-model.ts";

export interface EndpointMetricsDeps {
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  /** What endpoints follow that say nothing themselves. */
  readonly switches: EndpointDefaults;
}

const enforcements = ["none", "ingress", "egress", "both", "audit-ingress", "audit-egress", "audit-both"];
const healths = ["OK", "Pending", "Failure"];

/** Registers them; endpoints are counted when somebody asks. */
export function registerEndpoints(metrics: Metrics, { endpoints, switches }: EndpointMetricsDeps): void {
  metrics.gauge({
    ...{ name: "endpoint", help: "Endpoints on this node" },
    collect: (metric) => metric.set(endpoints.size),
  });
  metrics.gauge({
    ...{ name: "endpoint_state", help: "Endpoints by state", labels: ["endpoint_state"] },
    collect: (metric) =>
      setCounts(metric, endpointStates, endpoints, {
        value: (row) => endpointState(row.phase, row.status),
        labels: (state) => ({ endpoint_state: state }),
      }),
  });
  metrics.gauge({
    ...{ name: "endpoint_component_status", help: "Endpoints by how a part of them is", labels: ["type", "status"] },
    collect(metric) {
      for (const type of ["bpf", "policy"] as const) {
        setCounts(metric, healths, endpoints, {
          value: (row) => toHealthModel(row)[type],
          labels: (status) => ({ type, status }),
        });
      }
    },
  });
  metrics.gauge({
    name: "policy_endpoint_enforcement_status",
    help: "Endpoints by the directions in which policy is enforced",
    labels: ["enforcement"],
    collect: (metric) =>
      setCounts(metric, enforcements, endpoints, {
        value: (row) => policyEnabled(row, isAudited(row, switches)),
        labels: (enforcement) => ({ enforcement }),
      }),
  });
}

/** Sets how many endpoints have each value; one that none has any more reads 0. */
function setCounts(
  metric: Gauge,
  values: readonly string[],
  endpoints: ReadonlyTable<EndpointRow, number>,
  of: {
    readonly value: (row: EndpointRow) => string;
    readonly labels: (value: string) => Readonly<Record<string, string>>;
  },
): void {
  const counts = new Map(values.map((value) => [value, 0]));
  for (const row of endpoints.all()) {
    const value = of.value(row);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  for (const [value, count] of counts) metric.set(count, of.labels(value));
}
