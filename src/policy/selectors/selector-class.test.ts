// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { reservedIdentityRows } from "../../identity/index.ts";
import { PolicyEngine } from "../engine/engine.ts";
import { cnp, pod, selector } from "../testing.ts";

test("the largest selector of each class: entities, prefixes, names and everything else", () => {
  const engine = new PolicyEngine();
  engine.upsertIdentities([
    ...reservedIdentityRows(),
    ...[300, 301, 302].map((id) => pod(id, "default", `app=a${id}`)),
  ]);
  const largest = () => Object.fromEntries(engine.largestMatches());
  assert.deepEqual(largest(), { cluster: 0, fqdn: 0, other: 0, world: 0 });
  const rule = (egress: readonly object[]) => cnp("p", { endpointSelector: {}, egress });
  engine.upsertPolicy(rule([{ toEntities: ["world", "cluster"] }, { toCIDR: ["10.0.0.0/8"] }]));
  assert.deepEqual(largest(), { cluster: 3, fqdn: 0, other: 0, world: 1 });
  engine.upsertPolicy(rule([{ toEndpoints: [selector("app=a300")] }, { toFQDNs: [{ matchName: "example.com" }] }]));
  assert.deepEqual(largest(), { cluster: 0, fqdn: 0, other: 1, world: 0 });
});
