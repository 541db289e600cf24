// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { isMounted, parseMountinfo } from "./mount.ts";
import { Rtnetlink } from "./netlink/rtnetlink.ts";
import {
  createAnonymousNetns,
  createNetns,
  currentNetns,
  deleteNetns,
  netnsCookie,
  netnsOfPid,
  openNetns,
  withNetns,
} from "./netns.ts";
import { readSysctl, writeSysctl } from "./sysctl.ts";
import { randomName, testNetns } from "./testing.ts";

const here = () => readlinkSync("/proc/thread-self/ns/net");

test("createNetns() binds a namespace of its own with lo up; deleteNetns() removes it", () => {
  const path = `/run/netns/kt-${randomName()}`;
  const home = here();
  {
    using netns = createNetns(path);
    assert.equal(here(), home);
    assert.equal(isMounted(path, "nsfs"), true);
    assert.notEqual(withNetns(netns, here), home);
    assert.equal(withNetns(path, here), withNetns(netns, here));
    assert.notEqual(netnsCookie(netns), netnsCookie());
    using netlink = new Rtnetlink({ netns });
    assert.deepEqual(
      netlink.links().map(({ name, up }) => [name, up]),
      [["lo", true]],
    );
    assert.throws(() => createNetns(path), { code: "EEXIST" });
  }
  deleteNetns(path);
  deleteNetns(path);
  assert.equal(existsSync(path), false);
});

test("withNetns() returns home after a throw, and when nested", () => {
  using a = testNetns();
  using b = testNetns();
  const home = here();
  assert.throws(() => withNetns(a.fd, () => assert.fail("inside")), /inside/);
  assert.equal(here(), home);
  const seen = withNetns(a.fd, () => [here(), withNetns(b.fd, here), here()]);
  assert.equal(seen[0], seen[2]);
  assert.notEqual(seen[0], seen[1]);
  assert.equal(here(), home);
  assert.throws(() => withNetns("/run/netns/kt-none", here), { code: "ENOENT" });
});

test("withNetns() refuses promises: its type forbids them, and it throws", () => {
  using a = testNetns();
  const asynchronous = async (): Promise<number> => 1;
  // @ts-expect-error: no await inside
  assert.throws(() => withNetns(a.fd, asynchronous), /Cannot await inside withNetns/);
});

test("children that are started inside stay there, and are found by pid", async () => {
  using netns = testNetns();
  const inside = withNetns(netns.fd, here);
  const child = withNetns(netns.fd, () => spawn("sleep", ["10"]));
  using ofChild = netnsOfPid(child.pid ?? 0);
  assert.equal(withNetns(ofChild, here), inside);
  child.kill();
  await new Promise((resolve) => child.once("exit", resolve));
  const { stdout } = withNetns(netns.fd, () => spawnSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" }));
  assert.equal(stdout.trim(), inside);
});

test("asynchronous work that is started inside runs at home", () => {
  const script = `
    import { createAnonymousNetns, currentNetns, netnsCookie, withNetns } from "./index.ts";
    import { readlink } from "node:fs/promises";
    import { readlinkSync } from "node:fs";
    const netns = createAnonymousNetns();
    const started = withNetns(netns, () => ({ link: readlink("/proc/thread-self/ns/net") }));
    netns.close();
    process.stdout.write(String((await started.link) === readlinkSync("/proc/thread-self/ns/net")));
  `;
  const args = ["--input-type=module", "--eval", script];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd: import.meta.dirname });
  assert.deepEqual([stdout, stderr], ["true", ""]);
});

test("createAnonymousNetns() leaves no path", () => {
  using netns = createAnonymousNetns();
  using home = currentNetns();
  assert.notEqual(netnsCookie(netns), netnsCookie(home));
  using again = openNetns(`/proc/self/fd/${netns.value}`);
  assert.equal(netnsCookie(again), netnsCookie(netns));
});

test("sysctls of net.* are those of the namespace", () => {
  using netns = testNetns();
  const before = readSysctl("net.ipv4.ip_forward");
  writeSysctl("net.ipv4.ip_forward", before === "1" ? 0 : 1, netns.fd);
  assert.equal(readSysctl("net.ipv4.ip_forward", netns.path), before === "1" ? "0" : "1");
  assert.equal(readSysctl("net.ipv4.ip_forward"), before);
  using netlink = new Rtnetlink({ netns: netns.fd });
  netlink.createVeth({ name: "eth0.5", peer: { name: "p0" } });
  writeSysctl("net/ipv4/conf/eth0.5/rp_filter", 2, netns.fd);
  assert.equal(readSysctl("net/ipv4/conf/eth0.5/rp_filter", netns.fd), "2");
  assert.throws(() => readSysctl("net.ipv4.conf.p0.rp_filter"), { code: "ENOENT" });
  assert.throws(() => writeSysctl("net.ipv4.no_such_thing", 1, netns.fd), { code: "ENOENT" });
});

test("parseMountinfo() undoes escapes and skips what is no mount", () => {
  const text = "25 30 0:23 /a\\040b /mnt/x\\040y rw shared:1 - bpf none rw\nnonsense\n";
  assert.deepEqual(parseMountinfo(text), [{ path: "/mnt/x y", root: "/a b", type: "bpf" }]);
});
