// SPDX-License-Identifier: Apache-2.0
// The rules that lead what ipvlan pods send to the master's programs. The reserved slave is tested where the kernel has
// such devices: tests/vm.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnonymousNetns, NUD_PERMANENT, Rtnetlink, SyscallError } from "../../kernel/index.ts";
import { ObjectStatus } from "../object-status.ts";
import { ensureIpvlanMaster, findIpvlanMaster, removeIpvlanMaster } from "./master.ts";

const config = { enableIpv4: true, enableIpv6: true, ipvlanMaster: "eth0" };

/** Rules as `priority table-or-goto`, of both families. */
function rules(rtnl: Rtnetlink): string[] {
  return rtnl.rules().map((rule) => `${rule.family} ${rule.priority} ${rule.goto ?? rule.table}`);
}

test("all but sockets' packets go to the gateway, which only the master has; removed, all is as before", () => {
  using netns = createAnonymousNetns();
  using rtnl = new Rtnetlink({ netns });
  const { ifindex } = rtnl.createVeth({ name: "eth0", peer: { name: "far" } });
  rtnl.setLink("far", { up: true });
  rtnl.setLink("eth0", { up: true });
  const before = rules(rtnl);
  let repairs = 0;
  const status = new ObjectStatus(({ kind }) => {
    if (kind === "route") repairs++;
  });
  const pass = () => {
    status.begin();
    ensureIpvlanMaster(rtnl, status, config);
    status.end();
    return status.rows().filter(({ kind, state }) => kind === "route" && state === "done").length;
  };
  assert.equal(pass(), 2);
  const during = rules(rtnl);
  for (const family of [4, 6]) {
    assert.deepEqual(during.filter((rule) => rule.startsWith(`${family} `)).slice(0, 3), [
      `${family} 98 100`,
      `${family} 99 2010`,
      `${family} 100 255`,
    ]);
  }
  const sockets = rtnl.rules().filter(({ priority }) => priority === 98);
  for (const { outputInterface, destinationPorts } of sockets) {
    assert.deepEqual([outputInterface, destinationPorts], ["eth0", [1, 65_534]]);
  }
  for (const { gateway } of rtnl.routes({ table: 2010 })) {
    const neighbor = rtnl.neighbors({ ifindex }).find(({ address }) => address === gateway);
    assert.deepEqual([neighbor?.mac, neighbor?.state], ["02:69:70:76:6c:61", NUD_PERMANENT]);
  }
  assert.equal(rtnl.routes({ table: 2010 }).length, 2);
  assert.equal(pass(), 2);
  assert.equal(repairs, 0);
  for (const rule of rtnl.rules().filter(({ priority }) => priority === 99)) rtnl.deleteRule(rule);
  pass();
  assert.equal(repairs, 2);
  assert.deepEqual(rules(rtnl), during);

  assert.equal(removeIpvlanMaster(rtnl), true);
  assert.deepEqual(rules(rtnl), before);
  assert.deepEqual([rtnl.routes({ table: 2010 }).length, findIpvlanMaster(rtnl)], [0, []]);
  assert.equal(removeIpvlanMaster(rtnl), false);
});

test("a master that is not there is told by its name, and so is a kernel without ipvlan", () => {
  using netns = createAnonymousNetns();
  using rtnl = new Rtnetlink({ netns });
  const status = new ObjectStatus(() => {});
  ensureIpvlanMaster(rtnl, status, { ...config, ipvlanMaster: "eth9" });
  for (const { error } of status.rows())
    assert.match(error ?? "", /device "eth9" .*ipvlan-master-device names a device/);
  const { ifindex } = rtnl.createVeth({ name: "eth0", peer: { name: "far" } });
  try {
    rtnl.createIpvlan({ name: "slave", master: ifindex });
    assert.equal(rtnl.link("slave")?.peerIfindex, ifindex);
  } catch (error) {
    assert.ok(error instanceof SyscallError && error.code === "EOPNOTSUPP", String(error));
  }
});
