// SPDX-License-Identifier: Apache-2.0
// How long changes of policies and identities take until the kernel has them, as metrics.
import type { Clock, Metrics, Module, ReadonlyTable } from "../../src/core/index.ts";
import type { EndpointRow } from "../../src/endpoint/index.ts";
import type { AffectedEndpoints, PolicyEngine } from "../../src/policy/index.ts";

export interface PolicyDelayDeps {
  readonly engine: Pick<PolicyEngine, "onAffected">;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** A change that some endpoints do not have yet. */
interface Change {
  readonly reason: AffectedEndpoints["reason"];
  /** Of the monotonic clock. */
  readonly start: number;
  readonly waiting: Set<number>;
}

/** Start it behind the policy link, which tells the endpoints to regenerate. */
export function createPolicyDelays({ engine, endpoints, metrics, clock }: PolicyDelayDeps): Module {
  const policies = metrics.histogram({
    name: "policy_implementation_delay",
    help: "Seconds from a policy's change until all endpoints that it concerns enforce it",
    labels: ["source"],
  });
  const identities = metrics.histogram({
    name: "policy_incremental_update_duration",
    help: "Seconds from an identity's change until all endpoints that it concerns enforce it",
    labels: ["scope"],
  });
  const changes = new Set<Change>();
  const watches: Disposable[] = [];
  const finish = (change: Change) => {
    changes.delete(change);
    const seconds = (clock.monotonic() - change.start) / 1000;
    if (change.reason === "identity") identities.observe(seconds, { scope: "global" });
    else policies.observe(seconds, { source: "agent" });
  };
  const settle = (endpoint: number) => {
    for (const change of changes) {
      if (change.waiting.delete(endpoint) && change.waiting.size === 0) finish(change);
    }
  };
  return {
    name: "policy-delays",
    async start() {
      watches.push(
        engine.onAffected(({ reason, identities: concerned }) => {
          const rows = concerned.flatMap((identity) => endpoints.by("identity", identity));
          const waiting = new Set(rows.filter(({ status }) => status.kind === "pending").map(({ id }) => id));
          if (waiting.size > 0) changes.add({ reason, start: clock.monotonic(), waiting });
        }),
        endpoints.onChange((batch) => {
          if (changes.size === 0) return;
          for (const { kind, row } of batch) {
            const now = endpoints.get(row.id);
            if (kind === "delete" || now === undefined || now.status.kind === "done") settle(row.id);
          }
        }),
      );
    },
    async stop() {
      for (const watch of watches.splice(0)) watch[Symbol.dispose]();
      changes.clear();
    },
  };
}
