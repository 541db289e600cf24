// SPDX-License-Identifier: Apache-2.0
// Between the policy engine and the endpoints: who has to be regenerated, and which identities nobody has any more.
import type { Module, ReadonlyTable } from "../../src/core/index.ts";
import type { EndpointManager, EndpointRow } from "../../src/endpoint/index.ts";
import type { PolicyEngine } from "../../src/policy/index.ts";

export interface PolicyLinkDeps {
  readonly engine: PolicyEngine;
  readonly manager: Pick<EndpointManager, "regenerate">;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
}

export function createPolicyLink({ engine, manager, endpoints }: PolicyLinkDeps): Module {
  const watches: Disposable[] = [];
  return {
    name: "policy-link",
    async start() {
      watches.push(engine.onAffected(({ identities }) => manager.regenerate(identities)));
      watches.push(
        endpoints.onChange((batch) => {
          for (const change of batch) {
            const before = change.kind === "delete" ? change.row.identity : change.previous?.identity;
            if (before !== undefined && endpoints.by("identity", before).length === 0) engine.forgetEndpoint(before);
          }
        }),
      );
    },
    async stop() {
      for (const watch of watches.splice(0)) watch[Symbol.dispose]();
    },
  };
}
