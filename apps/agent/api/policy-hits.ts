// SPDX-License-Identifier: Apache-2.0
// How often each rule decided.
import type { AgentApi } from "../../../src/api/index.ts";
import type { Datapath } from "../../../src/datapath/index.ts";
import type { PolicyEngine } from "../../../src/policy/index.ts";

export interface PolicyHitsDeps {
  readonly engine: Pick<PolicyEngine, "ruleOf">;
  readonly datapath: { readonly maps: Pick<Datapath["maps"], "policyHits"> };
}

/** Rules that are no more are left out, their counters with them. */
export function createPolicyHitsCalls({ engine, datapath }: PolicyHitsDeps): Pick<AgentApi, "policyHits"> {
  return {
    policyHits: () =>
      datapath.maps.policyHits.list().flatMap(({ cookie, ...counts }) => {
        const rule = engine.ruleOf(cookie);
        if (rule === undefined && cookie !== 0) return [];
        const origin = rule && {
          policy: rule.policy,
          kind: rule.kind,
          direction: rule.direction,
          section: rule.section,
        };
        return [
          {
            cookie,
            ...(origin !== undefined && { rule: origin }),
            allowed: Number(counts.allowed),
            denied: Number(counts.denied),
            audited: Number(counts.audited),
            "staged-allowed": Number(counts.stagedAllowed),
            "staged-denied": Number(counts.stagedDenied),
          },
        ];
      }),
  };
}
