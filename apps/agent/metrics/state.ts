// SPDX-License-Identifier: Apache-2.0
// What there is: identities and addresses.
import type { Gauge, Metrics, ReadonlyTable } from "../../../src/core/index.ts";
import { type IdentityRow, identityScope, isReservedIdentity } from "../../../src/identity/index.ts";
import type { Ipam } from "../../../src/ipam/index.ts";

export interface StateMetricsDeps {
  readonly identities: ReadonlyTable<IdentityRow, number>;
  readonly ipam: Pick<Ipam, "status">;
}

const scopes = { cluster: "cluster_local", "local-cidr": "node_local", "remote-node": "remote_node" } as const;

/** Registers them; they are counted when somebody asks. */
export function registerState(metrics: Metrics, { identities, ipam }: StateMetricsDeps): void {
  metrics.gauge({
    ...{ name: "identity", help: "Identities known, by what knows them", labels: ["type"] },
    collect: counted("type", ["reserved", ...Object.values(scopes)], () => Array.from(identities.all(), typeOf)),
  });
  metrics.gauge({
    ...{ name: "identity_label_sources", help: "Identities with labels of a source", labels: ["source"] },
    collect: counted("source", [], () =>
      [...identities.all()].flatMap(({ labels }) => [...new Set(Array.from(labels, ({ source }) => source))]),
    ),
  });
  metrics.gauge({
    ...{ name: "ipam_capacity", help: "Addresses that can be in use, by family", labels: ["family", "cidr"] },
    collect(metric) {
      for (const { family, cidr, capacity } of ipam.status()) {
        metric.set(Number(capacity), { family: `ipv${family}`, cidr });
      }
    },
  });
}

function typeOf({ id }: IdentityRow): string {
  if (isReservedIdentity(id)) return "reserved";
  return scopes[identityScope(id) ?? "cluster"];
}

/** Sets a gauge to how often each value is there; what was there once reads 0 later. */
function counted(label: string, always: readonly string[], values: () => readonly string[]): (gauge: Gauge) => void {
  const seen = new Set(always);
  return (gauge) => {
    const counts = new Map<string, number>();
    for (const value of values()) counts.set(value, (counts.get(value) ?? 0) + 1);
    for (const value of counts.keys()) seen.add(value);
    for (const value of seen) gauge.set(counts.get(value) ?? 0, { [label]: value });
  };
}
