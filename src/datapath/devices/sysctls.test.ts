// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { wantedSysctls } from "./sysctls.ts";

test("wantedSysctls() asks for nothing of a family that is off", () => {
  const of = (enableIpv4: boolean, enableIpv6: boolean) =>
    wantedSysctls({ enableIpv4, enableIpv6 }, ["cilium_host"]).map(([name]) => name);
  assert.ok(of(true, false).every((name) => name.startsWith("net/ipv4/")));
  assert.ok(of(false, true).every((name) => name.startsWith("net/ipv6/")));
  assert.equal(of(true, true).length, of(true, false).length + of(false, true).length);
});

test("wantedSysctls() switches reverse path filters off for all, default and the devices", () => {
  const rows = new Map(wantedSysctls({ enableIpv4: true, enableIpv6: false }, ["cilium_host", "cilium_net"]));
  for (const scope of ["all", "default", "cilium_host", "cilium_net"]) {
    assert.equal(rows.get(`net/ipv4/conf/${scope}/rp_filter`), "0");
  }
  assert.equal(rows.get("net/ipv4/conf/cilium_host/accept_local"), "1");
});
