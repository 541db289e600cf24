// SPDX-License-Identifier: Apache-2.0
// Two namespaces with a wire that loses large packets: how large they may be is found and told.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { configureLogging, systemClock, type Table } from "../../core/index.ts";
import { eventually } from "../../core/testing.ts";
import { Rtnetlink } from "../../kernel/index.ts";
import { testNetns } from "../../kernel/testing.ts";
import { createHealthTable } from "../table.ts";
import { type HealthRow, unprobed } from "../types.ts";
import { createPathMtu, type PathMtuModule } from "./module.ts";

configureLogging({ level: "silent" });
const passing = 1404;
const ips = ["10.9.9.2", "fd00:9:9::2"] as const;
const here = testNetns();
const there = testNetns();
let targets: Table<HealthRow, string>;
let module: PathMtuModule;

const target = (ip: string, local = false): HealthRow => ({
  ...{ node: local ? "default/here" : "default/there", kind: "endpoint", ip, primary: true, local },
  ...{ icmp: unprobed, http: unprobed },
});

before(async () => {
  using rtnl = new Rtnetlink({ netns: here.fd });
  using other = new Rtnetlink({ netns: there.fd });
  const { ifindex } = rtnl.createVeth({ name: "a", peer: { name: "b", netns: there.fd } });
  const b = other.link("b")?.ifindex ?? 0;
  // What is too large for the receiving side of a pair is lost without a word; it has room for a VLAN tag.
  other.setLink(b, { mtu: passing - 4 });
  for (const [netlink, index, host] of [[rtnl, ifindex, 1] as const, [other, b, 2] as const]) {
    netlink.setLink(index, { up: true });
    netlink.addAddress({ ifindex: index, address: `10.9.9.${host}`, prefixLength: 24 });
    netlink.addAddress({ ifindex: index, address: `fd00:9:9::${host}`, prefixLength: 64, noDad: true });
  }
  targets = createHealthTable();
  for (const ip of ips) targets.upsert(target(ip));
  targets.upsert(target("10.9.9.1", true));
  const mtu = () => ({ device: 9999, route: 1450 });
  module = createPathMtu({ targets, mtu, clock: systemClock }, "default/here");
  await module.start?.(new AbortController().signal);
});
after(async () => {
  await module.stop?.();
  here[Symbol.dispose]();
  there[Symbol.dispose]();
});

const measured = () => Array.from(module.table.all(), ({ ip, measured }) => [ip, measured]);

test("nothing is measured of pods before there is an endpoint to measure from", () => {
  assert.deepEqual(measured(), []);
  assert.deepEqual(module.health?.(), { state: "ok" });
});

test("a black hole is found to the byte, in both families, and named with its size and pair", async () => {
  module.measureFrom(here.fd);
  await eventually("both paths are measured", () => module.table.size === 2);
  assert.deepEqual(new Map(measured() as [string, number][]), new Map(ips.map((ip) => [ip, passing])));
  const { state, message = "" } = module.health?.() ?? { state: "ok" };
  assert.equal(state, "degraded");
  assert.match(
    message,
    /^default\/here -> default\/there \(endpoint 10.9.9.2\): packets over 1404 bytes are lost, 1450 expected \(and 1 more\)$/,
  );
});

test("a path that is wide again is well, one that is gone is not known", async () => {
  for (const ip of ips) targets.delete(`default/there/endpoint/${ip}`);
  await eventually("both are forgotten", () => module.table.size === 0);
  {
    using other = new Rtnetlink({ netns: there.fd });
    other.setLink("b", { mtu: 1500 });
  }
  for (const ip of ips) targets.upsert(target(ip));
  await eventually("both paths are measured again", () => module.table.size === 2);
  assert.deepEqual(new Map(measured() as [string, number][]), new Map(ips.map((ip) => [ip, 1450])));
  assert.deepEqual(module.health?.(), { state: "ok" });
});
