// SPDX-License-Identifier: Apache-2.0
// Links: made, pinned, replaced in place, and found gone.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { cgroupIdOf, cgroupRoot, createCgroup, removeCgroup } from "../cgroup.ts";
import { mountBpffs, unmount } from "../mount.ts";
import { Rtnetlink } from "../netlink/rtnetlink.ts";
import { withNetns } from "../netns.ts";
import { randomName, type TestNetns, testNetns } from "../testing.ts";
import { compileSample } from "../testing-sample.ts";
import { attachCgroup, attachTcx, attachTcxLater, attachXdp, queryTcx } from "./attach.ts";
import { AttachType, BpfLink, listLinks } from "./link.ts";
import { loadObject } from "./loader.ts";
import { BpfProgram, ProgramType } from "./program.ts";

const sample = compileSample();
const pins = mkdtempSync(join(tmpdir(), "kernel-pins-"));
mountBpffs(pins);
after(() => {
  unmount(pins);
  rmSync(pins, { recursive: true });
  rmSync(sample.directory, { recursive: true });
});

/** `r0 = result; exit`. */
function returning(result: number, type: number = ProgramType.BPF_PROG_TYPE_SCHED_CLS, attachType = 0): BpfProgram {
  const code = Buffer.from([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
  code.writeInt32LE(result, 4);
  return BpfProgram.load({ type, instructions: code, name: `return${result}`, expectedAttachType: attachType });
}

function sendDatagram(netns: TestNetns): void {
  const { status } = withNetns(netns.fd, () => spawnSync("bash", ["-c", "echo x > /dev/udp/127.0.0.1/9"]));
  assert.equal(status, 0);
}

test("a program at tcx sees packets as long as its link lives", () => {
  using netns = testNetns();
  using object = loadObject(sample.path, { rodata: { sample_u32: 0 }, programs: ["sample_count"] });
  const seen = () => object.map("sample_counters_with_long_name").lookup(new Uint8Array(4))?.[0] ?? 0;
  const program = object.program("sample_count");
  {
    using link = withNetns(netns.fd, () => attachTcx({ program, ifindex: 1, hook: "ingress" }));
    const { type, programId, ifindex, attachType } = link.info();
    assert.deepEqual([type, programId, ifindex, attachType], ["tcx", program.id, 1, AttachType.BPF_TCX_INGRESS]);
    assert.deepEqual(
      withNetns(netns.fd, () => queryTcx(1, "ingress")),
      [program.id],
    );
    assert.deepEqual(
      withNetns(netns.fd, () => queryTcx(1, "egress")),
      [],
    );
    assert.ok(listLinks().some(({ id, programId }) => id === link.info().id && programId === program.id));
    sendDatagram(netns);
    assert.ok(seen() > 0);
  }
  assert.deepEqual(
    withNetns(netns.fd, () => queryTcx(1, "ingress")),
    [],
  );
  const before = seen();
  sendDatagram(netns);
  assert.equal(seen(), before);
});

test("a pinned link outlives its descriptor and gets a new program in place", () => {
  using netns = testNetns();
  const pin = `${pins}/links/${randomName()}`;
  using first = returning(-1);
  using second = returning(0);
  const attach = (program: BpfProgram) =>
    withNetns(netns.fd, () => attachTcx({ program, ifindex: 1, hook: "egress", pin }));
  const query = () => withNetns(netns.fd, () => queryTcx(1, "egress"));
  const link = attach(first);
  const { id } = link.info();
  link.close();
  assert.deepEqual(query(), [first.id]);
  {
    using again = attach(second);
    assert.equal(again.info().id, id);
    assert.deepEqual(query(), [second.id]);
  }
  {
    using pinned = BpfLink.openPinned(pin);
    pinned.detach();
    assert.deepEqual(query(), []);
  }
  // A dead link is replaced.
  using fresh = attach(first);
  assert.notEqual(fresh.info().id, id);
  assert.deepEqual(query(), [first.id]);
  rmSync(pin);
});

test("the pin of another device, or of a device that is gone, is replaced", () => {
  using netns = testNetns();
  using netlink = new Rtnetlink({ netns: netns.fd });
  const pin = `${pins}/links/${randomName()}`;
  using program = returning(-1);
  const attach = (ifindex: number) => withNetns(netns.fd, () => attachTcx({ program, ifindex, hook: "ingress", pin }));
  const first = netlink.createVeth({ name: "a0", peer: { name: "a1" } }).ifindex;
  attach(first).close();
  netlink.deleteLink("a0");
  {
    using left = BpfLink.openPinned(pin);
    assert.equal(left.info().ifindex, 0);
  }
  const second = netlink.createVeth({ name: "b0", peer: { name: "b1" } }).ifindex;
  attach(second).close();
  attach(1).close();
  assert.deepEqual(
    withNetns(netns.fd, () => queryTcx(second, "ingress")),
    [],
  );
  assert.deepEqual(
    withNetns(netns.fd, () => queryTcx(1, "ingress")),
    [program.id],
  );
  rmSync(pin);
});

test("several programs at one hook run in the order they came", () => {
  using netns = testNetns();
  const programs = Array.from({ length: 20 }, () => returning(-1));
  const attach = (program: BpfProgram) => attachTcx({ program, ifindex: 1, hook: "ingress" });
  const links = withNetns(netns.fd, () => programs.map(attach));
  assert.deepEqual(
    withNetns(netns.fd, () => queryTcx(1, "ingress")),
    programs.map(({ id }) => id),
  );
  for (const closable of [...links, ...programs]) closable.close();
});

test("attachXdp() shows at the device and replaces in place", () => {
  using netns = testNetns();
  using netlink = new Rtnetlink({ netns: netns.fd });
  const { ifindex } = netlink.createVeth({ name: "x0", peer: { name: "x1" } });
  const pin = `${pins}/links/${randomName()}`;
  using first = returning(2, ProgramType.BPF_PROG_TYPE_XDP);
  using second = returning(2, ProgramType.BPF_PROG_TYPE_XDP);
  withNetns(netns.fd, () => attachXdp({ program: first, ifindex, pin })).close();
  assert.equal(netlink.link("x0")?.xdpProgramId, first.id);
  withNetns(netns.fd, () => attachXdp({ program: second, ifindex, pin })).close();
  assert.equal(netlink.link("x0")?.xdpProgramId, second.id);
  using link = BpfLink.openPinned(pin);
  link.detach();
  rmSync(pin);
  assert.equal(netlink.link("x0")?.xdpProgramId, undefined);
});

test("attachCgroup() binds a program to a group", () => {
  const cgroup = `${cgroupRoot()}/kt-${randomName()}`;
  const pin = `${pins}/links/${randomName()}`;
  createCgroup(cgroup);
  try {
    const attachType = AttachType.BPF_CGROUP_INET4_CONNECT;
    using program = returning(1, ProgramType.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, attachType);
    using link = attachCgroup({ program, cgroup, attachType, pin });
    assert.deepEqual([link.info().cgroupId, link.info().attachType], [cgroupIdOf(cgroup), attachType]);
    using again = attachCgroup({ program, cgroup, attachType, pin });
    assert.equal(again.info().id, link.info().id);
    rmSync(pin);
  } finally {
    removeCgroup(cgroup);
  }
  assert.equal(existsSync(cgroup), false);
});

test("attachClsact() replaces its filter and detachClsact() removes it", () => {
  using netns = testNetns();
  using netlink = new Rtnetlink({ netns: netns.fd });
  using object = loadObject(sample.path, { rodata: { sample_u32: 0 }, programs: ["sample_count"] });
  const seen = () => object.map("sample_counters_with_long_name").lookup(new Uint8Array(4))?.[0] ?? 0;
  using other = returning(0);
  assert.deepEqual([netlink.addClsact(1), netlink.addClsact(1)], [true, false]);
  netlink.attachClsact({ program: object.program("sample_count"), ifindex: 1, hook: "ingress" });
  sendDatagram(netns);
  const before = seen();
  assert.ok(before > 0);
  netlink.attachClsact({ program: other, ifindex: 1, hook: "ingress" });
  sendDatagram(netns);
  assert.equal(seen(), before);
  assert.equal(netlink.detachClsact({ ifindex: 1, hook: "ingress" }), true);
  assert.equal(netlink.detachClsact({ ifindex: 1, hook: "ingress" }), false);
});

test("clsactFilters() and clsactDevices() tell what is there, and removeClsact() removes it", () => {
  using netns = testNetns();
  using netlink = new Rtnetlink({ netns: netns.fd });
  using program = returning(0);
  const { ifindex } = netlink.createVeth({ name: "a", peer: { name: "b" } });
  assert.deepEqual([netlink.clsactDevices(), netlink.clsactFilters(ifindex, "ingress")], [[], []]);
  netlink.addClsact(ifindex);
  for (const handle of [7, 65_535]) netlink.attachClsact({ program, ifindex, hook: "egress", handle });
  assert.deepEqual(netlink.clsactDevices(), [ifindex]);
  const filter = { ifindex, hook: "egress", name: "return0", programId: program.id };
  assert.deepEqual(
    netlink.clsactFilters(ifindex, "egress").sort((a, b) => a.handle - b.handle),
    [7, 65_535].map((handle) => ({ ...filter, handle })),
  );
  assert.deepEqual(netlink.clsactFilters(ifindex, "ingress"), []);
  assert.equal(netlink.detachClsact({ ifindex, hook: "egress", handle: 7 }), true);
  assert.equal(netlink.clsactFilters(ifindex, "egress").length, 1);
  assert.equal(netlink.removeClsact(ifindex), true);
  assert.equal(netlink.removeClsact(ifindex), false);
  assert.deepEqual([netlink.clsactDevices(), netlink.clsactFilters(ifindex, "egress")], [[], []]);
  assert.deepEqual(netlink.clsactFilters(999_999, "egress"), []);
});

test("attachTcxLater() attaches in the process's namespace and names a device that is not there", async () => {
  using program = returning(0);
  using netlink = new Rtnetlink();
  const device = netlink.createVeth({ name: `t${randomName()}`, peer: { name: `u${randomName()}` } });
  try {
    {
      using link = await attachTcxLater({ program, ifindex: device.ifindex, hook: "egress" });
      assert.equal(link.info().ifindex, device.ifindex);
      assert.deepEqual(queryTcx(device.ifindex, "egress"), [program.id]);
    }
    await assert.rejects(attachTcxLater({ program, ifindex: 999_999, hook: "ingress" }), {
      message: 'Cannot attach program "return0" to ingress of device 999999: ENODEV',
    });
  } finally {
    netlink.deleteLink(device.ifindex);
  }
});

test("a device that is not there is named", () => {
  using program = returning(0);
  assert.throws(() => attachTcx({ program, ifindex: 999_999, hook: "ingress" }), {
    code: "ENODEV",
    message: 'Cannot attach program "return0" to ingress of device 999999: ENODEV',
  });
});
