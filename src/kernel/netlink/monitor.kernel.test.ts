// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../../core/testing.ts";
import { BpfProgram, ProgramType } from "../bpf/program.ts";
import { doNothing } from "../features/try.ts";
import { testNetns } from "../testing.ts";
import { monitorNetlink, type NetlinkEvent } from "./monitor.ts";
import { Rtnetlink } from "./rtnetlink.ts";

test("monitorNetlink() tells of devices, addresses, routes, rules and neighbours of its namespace only", async () => {
  using netns = testNetns();
  using other = testNetns();
  using netlink = new Rtnetlink({ netns: netns.fd });
  using elsewhere = new Rtnetlink({ netns: other.fd });
  const events: NetlinkEvent[] = [];
  const groups = ["link", "address", "route", "rule", "neighbor"] as const;
  using _monitor = monitorNetlink({ groups, netns: netns.fd, onEvents: (batch) => events.push(...batch) });
  elsewhere.createBridge({ name: "foreign" });
  const { ifindex } = netlink.createVeth({ name: "v0", peer: { name: "v1" } });
  netlink.setLink("v0", { up: true });
  netlink.addAddress({ ifindex, address: "10.1.0.1", prefixLength: 32 });
  netlink.replaceRoute({ destination: "10.2.0.0/24", ifindex });
  netlink.addRule({ family: 4, priority: 7, table: 99 });
  netlink.replaceNeighbor({ ifindex, address: "10.1.0.2", mac: "02:00:00:00:00:02" });
  netlink.deleteRoute({ destination: "10.2.0.0/24" });
  netlink.deleteLink("v0");
  await eventually("the news", () =>
    events.some((e) => e.kind === "link" && e.change === "delete" && e.link.name === "v0"),
  );
  const has = (test: (event: NetlinkEvent) => boolean) => assert.ok(events.some(test), JSON.stringify(events));
  has((e) => e.kind === "link" && e.change === "new" && e.link.name === "v0" && e.link.up);
  has((e) => e.kind === "address" && e.change === "new" && e.address.address === "10.1.0.1");
  has((e) => e.kind === "route" && e.change === "new" && e.route.destination === "10.2.0.0/24");
  has((e) => e.kind === "route" && e.change === "delete" && e.route.destination === "10.2.0.0/24");
  has((e) => e.kind === "rule" && e.change === "new" && e.rule.priority === 7);
  has((e) => e.kind === "neighbor" && e.change === "new" && e.neighbor.address === "10.1.0.2");
  assert.ok(!events.some((e) => e.kind === "link" && e.link.name === "foreign"));
});

test("filters are told of, and a qdisc that goes with its filters", async () => {
  using netns = testNetns();
  using netlink = new Rtnetlink({ netns: netns.fd });
  using program = BpfProgram.load(doNothing(ProgramType.BPF_PROG_TYPE_SCHED_CLS));
  const { ifindex } = netlink.createBridge({ name: "br0" });
  netlink.addClsact(ifindex);
  const events: NetlinkEvent[] = [];
  using _monitor = monitorNetlink({ groups: ["filter"], netns: netns.fd, onEvents: (batch) => events.push(...batch) });
  const changes = () => events.flatMap((e) => (e.kind === "filter" && e.ifindex === ifindex ? [e.change] : []));
  netlink.attachClsact({ program, ifindex, hook: "ingress" });
  netlink.detachClsact({ ifindex, hook: "ingress" });
  await eventually("the news", () => changes().length === 2);
  assert.deepEqual(changes(), ["new", "delete"]);
  netlink.attachClsact({ program, ifindex, hook: "egress" });
  netlink.removeClsact(ifindex);
  await eventually("the news", () => changes().slice(3).includes("delete"));
});

test("a port that leaves its bridge is not told as a device that goes", async () => {
  using netns = testNetns();
  using netlink = new Rtnetlink({ netns: netns.fd });
  const bridge = netlink.createBridge({ name: "br0" });
  netlink.createVeth({ name: "v0", peer: { name: "v1" } });
  netlink.setLink("v0", { master: bridge.ifindex });
  const events: NetlinkEvent[] = [];
  using _monitor = monitorNetlink({ groups: ["link"], netns: netns.fd, onEvents: (batch) => events.push(...batch) });
  netlink.setLink("v0", { master: null });
  netlink.setLink("v0", { mtu: 1300 });
  await eventually("the news", () =>
    events.some((e) => e.kind === "link" && e.link.name === "v0" && e.link.mtu === 1300),
  );
  assert.ok(!events.some((e) => e.kind === "link" && e.change === "delete"));
});

test("more events than fit give a resync", async () => {
  using netns = testNetns();
  using netlink = new Rtnetlink({ netns: netns.fd });
  const { ifindex } = netlink.createVeth({ name: "v0", peer: { name: "v1" } });
  netlink.setLink("v0", { up: true });
  let resyncs = 0;
  const onEvents = (batch: NetlinkEvent[]) => {
    resyncs += batch.filter(({ kind }) => kind === "resync").length;
  };
  using _monitor = monitorNetlink({ groups: ["route"], netns: netns.fd, onEvents, receiveBuffer: 4096 });
  for (let i = 0; i < 200; i++) netlink.replaceRoute({ destination: `10.2.${i}.0/24`, ifindex });
  await eventually("a resync", () => resyncs > 0);
});
