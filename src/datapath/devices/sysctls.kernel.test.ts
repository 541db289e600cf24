// SPDX-License-Identifier: Apache-2.0
// Sysctls come back as they were, those of single devices too; what others set meanwhile stays.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { readSysctl, writeSysctl } from "../../kernel/index.ts";
import { MachineRecord } from "../machine-record.ts";
import { ObjectStatus } from "../object-status.ts";
import { inPrivateNamespaces, nodeUnderlay } from "../testing.ts";
import { restoreSysctls } from "./restored-sysctls.ts";
import { ensureSysctls, sysctlOrNothing, touchedSysctls } from "./sysctls.ts";

if (inPrivateNamespaces(import.meta.filename)) {
  nodeUnderlay();
  const families = { enableIpv4: true, enableIpv6: true };
  const unusual: readonly (readonly [string, string])[] = [
    ["net/ipv4/ip_forward", "0"],
    ["net/ipv4/conf/eth0/forwarding", "1"],
    ["net/ipv4/conf/all/accept_redirects", "0"],
    ["net/ipv4/conf/all/rp_filter", "2"],
    ["net/ipv4/conf/all/send_redirects", "1"],
    ["net/ipv6/conf/all/forwarding", "0"],
    ["net/ipv6/conf/eth0/forwarding", "1"],
    ["net/ipv6/conf/all/disable_ipv6", "0"],
    ["net/ipv4/ping_group_range", "1\t0"],
  ];
  const now = () => unusual.map(([name]) => [name, readSysctl(name)] as const);

  beforeEach(() => {
    for (const [name, value] of unusual) writeSysctl(name, value);
  });

  /** Values before, as kept on disk, and the agent's own in force. */
  function takeOver(): ReadonlyMap<string, string> {
    const folder = mkdtempSync(join(tmpdir(), "machine-"));
    try {
      const path = join(folder, "machine.json");
      MachineRecord.open(path, "/bpf").noteSysctls(touchedSysctls(families, ["eth0"]), sysctlOrNothing);
      ensureSysctls(new ObjectStatus(() => {}), families);
      // As health probes do.
      writeSysctl("net/ipv4/ping_group_range", "0 0");
      // A second start finds changed values, and must keep the first ones.
      MachineRecord.open(path, "/bpf").noteSysctls(touchedSysctls(families, ["eth0"]), sysctlOrNothing);
      return MachineRecord.read(path)?.sysctls ?? assert.fail("no record");
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test("every value comes back, over two starts, also where the kernel changed it along with another", () => {
    const before = takeOver();
    assert.notDeepEqual(now(), unusual);
    assert.deepEqual(
      restoreSysctls(before).filter(({ left }) => left !== undefined),
      [],
    );
    assert.deepEqual(now(), unusual);
    assert.deepEqual(restoreSysctls(before), []);
  });

  test("what somebody has set meanwhile stays and is told, with all that follows it", () => {
    const before = takeOver();
    writeSysctl("net/ipv4/conf/all/rp_filter", "1");
    const told = restoreSysctls(before).filter(({ left }) => left !== undefined);
    assert.deepEqual(told, [{ name: "net/ipv4/conf/all/rp_filter", before: "2", left: "somebody has set it to 1" }]);
    assert.equal(readSysctl("net/ipv4/conf/all/rp_filter"), "1");
  });

  test("that goes for settings that only follow others too, also when the kernel changes them once more", () => {
    writeSysctl("net/ipv6/conf/eth0/forwarding", "0");
    const before = takeOver();
    const theirs = [
      ["net/ipv4/ping_group_range", "0\t2000"],
      ["net/ipv4/conf/all/accept_redirects", "1"],
      ["net/ipv4/conf/eth0/forwarding", "0"],
    ] as const;
    for (const [name, value] of theirs) writeSysctl(name, value);
    const told = restoreSysctls(before).filter(({ left }) => left !== undefined);
    assert.deepEqual(
      new Map(told.map(({ name, left }) => [name, left])),
      new Map(theirs.map(([name, value]) => [name, `somebody has set it to ${value}`])),
    );
    assert.deepEqual(
      theirs.map(([name]) => [name, readSysctl(name)]),
      theirs,
    );
    assert.equal(readSysctl("net/ipv6/conf/eth0/forwarding"), "0");
  });

  test("a device that somebody has changed while packets were forwarded anyway stays", () => {
    writeSysctl("net/ipv4/ip_forward", "1");
    writeSysctl("net/ipv4/conf/eth0/forwarding", "0");
    const before = takeOver();
    writeSysctl("net/ipv4/conf/eth0/forwarding", "1");
    restoreSysctls(before);
    assert.equal(readSysctl("net/ipv4/conf/eth0/forwarding"), "1");
  });

  test("what cannot be written is told, and all others come back", () => {
    const before = takeOver();
    const name = "net/ipv4/conf/all/rp_filter";
    const path = `/proc/sys/${name}`;
    for (const args of [
      ["--bind", path, path],
      ["-o", "remount,bind,ro", path],
    ])
      assert.equal(spawnSync("mount", args).status, 0);
    const told = restoreSysctls(before).filter(({ left }) => left !== undefined);
    assert.equal(spawnSync("umount", [path]).status, 0);
    assert.deepEqual(
      told.map((row) => row.name),
      [name],
    );
    assert.match(told[0]?.left ?? "", /EROFS/);
    assert.deepEqual(
      now().filter(([each]) => each !== name),
      unusual.filter(([each]) => each !== name),
    );
  });

  test("IPv6 is not switched off everywhere when that would take a device's addresses", () => {
    writeSysctl("net/ipv6/conf/all/disable_ipv6", "1");
    writeSysctl("net/ipv6/conf/eth0/disable_ipv6", "0");
    const before = takeOver();
    const told = restoreSysctls(before).find(({ name }) => name === "net/ipv6/conf/all/disable_ipv6");
    assert.equal(told?.left, "the addresses of eth0 would go");
    assert.equal(readSysctl("net/ipv6/conf/eth0/disable_ipv6"), "0");
  });

  test("a record of an earlier boot, or one that is damaged, says nothing", () => {
    const folder = mkdtempSync(join(tmpdir(), "machine-"));
    const path = join(folder, "machine.json");
    try {
      assert.equal(MachineRecord.read(path), undefined);
      const old = { version: 1, bootId: "x", netns: "1", bpfRoot: "/bpf", mounted: true, folders: [], sysctls: {} };
      for (const text of [JSON.stringify(old), '{"version":1', ""]) {
        writeFileSync(path, text);
        assert.equal(MachineRecord.read(path), undefined);
        assert.equal(MachineRecord.open(path, "/bpf").mounted, false);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
