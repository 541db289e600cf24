// SPDX-License-Identifier: Apache-2.0
// Sysctls come back as they were, those of single devices too; what others set meanwhile stays.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { readSysctl, writeSysctl } from "../../kernel/index.ts";
import { MachineRecord } from "../machine-record.ts";
import { ObjectStatus } from "../object-status.ts";
import { inPrivateNamespaces, nodeUnderlay } from "../testing.ts";
import { ensureSysctls, restoreSysctls, sysctlOrNothing, touchedSysctls } from "./sysctls.ts";

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
