// SPDX-License-Identifier: Apache-2.0
// Metrics about policies: how many, how they change, and what they come to.
import type { Metrics, ReadonlyTable } from "../../../src/core/index.ts";
import type { EndpointManager } from "../../../src/endpoint/index.ts";
import type { PolicyEngine, PolicyModule, PolicyRow } from "../../../src/policy/index.ts";

export interface PolicyMetricsDeps {
  readonly policies: ReadonlyTable<PolicyRow, string>;
  readonly policy: Pick<PolicyModule, "onChange">;
  readonly engine: Pick<PolicyEngine, "revision" | "largestMatches">;
  readonly manager: Pick<EndpointManager, "policySize" | "policyOverflows">;
}

/** Registers them; gauges are read when somebody asks. */
export function registerPolicyMetrics(metrics: Metrics, deps: PolicyMetricsDeps): void {
  const gauge = (name: string, help: string, value: () => number) =>
    metrics.gauge({ name, help, collect: (metric) => metric.set(value()) });
  gauge("policy", "Policies in force", () => deps.policies.size);
  gauge("policy_max_revision", "Revision of the policy repository", () => deps.engine.revision);
  gauge("policy_sets", "Policy sets in the kernel", () => deps.manager.policySize().sets);
  gauge("policy_set_entries", "Entries in all policy sets", () => deps.manager.policySize().entries);
  metrics.gauge({
    name: "policy_selector_match_count_max",
    help: "Identities that the selector with the most of its class matches",
    labels: ["class"],
    collect(metric) {
      for (const [kind, count] of deps.engine.largestMatches()) metric.set(count, { class: kind });
    },
  });
  const changes = metrics.counter({
    name: "policy_change_total",
    help: "Policies that were put into force, taken out of it, or refused",
    labels: ["source", "operation", "outcome"],
  });
  deps.policy.onChange((change) => changes.inc({ ...change }));
  registerOverflows(metrics, deps);
}

function registerOverflows(metrics: Metrics, { manager }: PolicyMetricsDeps): void {
  // A policy that fits again must read 0, not what it was.
  const seen = new Set<string>();
  metrics.gauge({
    name: "policy_overflow_entries",
    help: "Entries of the policy that adds most where an endpoint's policy does not fit into the maps",
    labels: ["policy"],
    collect(metric) {
      const overflows = manager.policyOverflows();
      for (const policy of seen) metric.set(overflows.get(policy) ?? 0, { policy });
      for (const [policy, entries] of overflows) {
        seen.add(policy);
        metric.set(entries, { policy });
      }
    },
  });
}
