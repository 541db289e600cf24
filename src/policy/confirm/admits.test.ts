// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyEntry } from "../types.ts";
import { admitsPort } from "./admits.ts";

const entry: PolicyEntry = {
  ...{ direction: "ingress", identity: 9, protocol: 6, port: 22, portPrefix: 16 },
  ...{ verdict: "allow", cookie: 16, proxyPort: 0, authType: 0 },
};
const admits = (...entries: readonly Partial<PolicyEntry>[]) =>
  admitsPort({ ingressEnforced: true, entries: entries.map((change) => ({ ...entry, ...change })) }, 22);

test("admitsPort() finds an entry that lets somebody in: of this port, a range around it, any port, any protocol", () => {
  assert.ok(admits({ verdict: "deny" }, {}));
  assert.ok(admits({ port: 16, portPrefix: 12 }));
  assert.ok(admits({ port: 0, portPrefix: 0 }));
  assert.ok(admits({ protocol: 0, port: 0, portPrefix: 0 }));
  assert.ok(admits({ verdict: "audit" }));
  assert.ok(admitsPort({ ingressEnforced: false, entries: [] }, 22));
});

test("admitsPort() finds nothing in denies, other ports and protocols, and the other direction", () => {
  assert.ok(!admits());
  assert.ok(!admits({ verdict: "deny" }));
  assert.ok(!admits({ port: 23 }, { port: 32, portPrefix: 11 }, { protocol: 17 }, { direction: "egress" }));
});
