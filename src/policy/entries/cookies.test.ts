// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RuleOrigin } from "../types.ts";
import { CookieRegistry, type CookieSnapshot, cookieHost } from "./cookies.ts";

const origin = (policy: string, section = "ingress[0]"): RuleOrigin => ({
  policy: `default/${policy}`,
  kind: "CiliumNetworkPolicy",
  direction: "ingress",
  section,
});

test("a rule has one cookie, different rules have different ones", () => {
  const registry = new CookieRegistry();
  const cookie = registry.cookieOf(origin("a"));
  assert.equal(registry.cookieOf({ ...origin("a"), description: "new words" }), cookie);
  assert.equal(registry.originOf(cookie)?.description, "new words");
  const others = [origin("b"), origin("a", "ingress[1]"), { ...origin("a"), direction: "egress" as const }];
  assert.equal(new Set([cookie, ...others.map((other) => registry.cookieOf(other))]).size, 4);
});

test("0 names no rule, the host's right has a cookie of its own", () => {
  const registry = new CookieRegistry();
  assert.equal(registry.originOf(0), undefined);
  assert.equal(registry.originOf(cookieHost)?.section, "host");
  assert.ok(registry.cookieOf(origin("a")) > cookieHost);
});

test("cookies of rules that went stay known, and theirs when they come back", () => {
  const registry = new CookieRegistry();
  const cookie = registry.cookieOf(origin("a"));
  registry.retire(origin("a"));
  assert.equal(registry.originOf(cookie)?.policy, "default/a");
  assert.notEqual(registry.cookieOf(origin("b")), cookie);
  assert.equal(registry.cookieOf(origin("a")), cookie);
});

test("of many rules that went only the last are kept; those in use stay", () => {
  const registry = new CookieRegistry();
  const kept = registry.cookieOf(origin("kept"));
  const first = registry.cookieOf(origin("first"));
  registry.retire(origin("first"));
  for (let n = 0; n < 4096; n++) {
    registry.cookieOf(origin(`p${n}`));
    registry.retire(origin(`p${n}`));
  }
  assert.equal(registry.originOf(first), undefined);
  assert.equal(registry.originOf(kept)?.policy, "default/kept");
  assert.equal(registry.toJSON().cookies.length, 4097);
});

test("a snapshot keeps cookies over a restart", () => {
  const before = new CookieRegistry();
  const cookies = ["a", "b", "c"].map((name) => before.cookieOf(origin(name)));
  const after = CookieRegistry.fromJSON(JSON.parse(JSON.stringify(before)) as CookieSnapshot);
  assert.equal(after.cookieOf(origin("c")), cookies[2]);
  assert.equal(after.cookieOf(origin("a")), cookies[0]);
  assert.ok(!cookies.includes(after.cookieOf(origin("d"))));
});

test("a broken snapshot is refused", () => {
  const snapshots: readonly CookieSnapshot[] = [
    {
      next: 18,
      cookies: [
        [16, origin("a")],
        [16, origin("b")],
      ],
    },
    {
      next: 18,
      cookies: [
        [16, origin("a")],
        [17, origin("a")],
      ],
    },
    { next: 18, cookies: [[cookieHost, origin("a")]] },
  ];
  for (const snapshot of snapshots) assert.throws(() => CookieRegistry.fromJSON(snapshot), /remove the state file/);
});

test("numbers wrap round and leave out those in use", () => {
  const registry = CookieRegistry.fromJSON({ next: 0xffffffff, cookies: [[16, origin("a")]] });
  assert.equal(registry.cookieOf(origin("b")), 0xffffffff);
  assert.equal(registry.cookieOf(origin("c")), 17);
});
