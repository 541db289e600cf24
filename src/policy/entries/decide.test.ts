// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyEntry, Verdict } from "../types.ts";
import { decide, EntryIndex } from "./decide.ts";

function entry(identity: number, protocol: number, port: number, portPrefix: number, verdict: Verdict): PolicyEntry {
  const cookie = identity * 10 + portPrefix;
  return { direction: "ingress", identity, protocol, port, portPrefix, verdict, cookie, proxyPort: 0, authType: 0 };
}

const flow = { direction: "ingress", identity: 300, protocol: 6, port: 80 } as const;

test("entries are asked from the identity's exact one to that of anybody", () => {
  const entries = [
    entry(300, 6, 80, 16, "allow"),
    entry(300, 6, 80, 12, "deny"),
    entry(300, 6, 0, 0, "allow"),
    entry(300, 0, 0, 0, "deny"),
    entry(0, 6, 80, 16, "allow"),
    entry(0, 6, 64, 10, "deny"),
    entry(0, 6, 0, 0, "allow"),
    entry(0, 0, 0, 0, "deny"),
  ];
  const matches = ["l3-l4", "l3-l4", "l3-proto", "l3-only", "l4-only", "l4-only", "proto-only", "all"];
  while (entries.length > 0) {
    const decision = decide(entries, flow);
    assert.equal(decision.entry, entries[0]);
    assert.equal(decision.verdict, entries[0]?.verdict);
    assert.equal(decision.match, matches[0]);
    entries.shift();
    matches.shift();
  }
});

test("without a matching entry a flow is denied, by no rule", () => {
  const index = new EntryIndex([entry(300, 6, 80, 16, "allow")]);
  const denied = { verdict: "deny", cookie: 0, match: "none" };
  assert.deepEqual(decide([], flow), denied);
  assert.deepEqual(decide(index, { ...flow, port: 81 }), denied);
  assert.deepEqual(decide(index, { ...flow, protocol: 17 }), denied);
  assert.deepEqual(decide(index, { ...flow, identity: 301 }), denied);
  assert.deepEqual(decide(index, { ...flow, identity: 0 }), denied);
  assert.deepEqual(decide(index, { ...flow, direction: "egress" }), denied);
  assert.equal(decide(index, flow).verdict, "allow");
});

test("ICMP is covered by entries without protocol alone", () => {
  const icmp = { ...flow, protocol: 1, port: 8 };
  assert.equal(decide([entry(300, 6, 0, 0, "allow"), entry(300, 17, 0, 0, "allow")], icmp).verdict, "deny");
  assert.equal(decide([entry(300, 0, 0, 0, "allow")], icmp).verdict, "allow");
});
