// SPDX-License-Identifier: Apache-2.0
// For kernel tests: a node of its own, in private network and mount namespaces with a private bpffs.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { mountBpffs, Rtnetlink } from "../kernel/index.ts";
import type { DatapathConfig } from "./types.ts";

const MARK = "DATAPATH_TEST_NAMESPACES";

/** Compiled objects. */
export const objectDir = join(import.meta.dirname, "../../build/bpf");

/**
 * True in a process that has private namespaces. Elsewhere it registers one test that runs the file again in such a
 * process, where the tests behind this call are registered; everything they make ends with the process.
 */
export function inPrivateNamespaces(file: string): boolean {
  if (process.env[MARK] === file) return true;
  test(`${basename(file)} in private namespaces`, () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const command = ["--net", "--mount", "--propagation", "private", process.execPath, file];
    const run = spawnSync("unshare", command, { env: { ...env, [MARK]: file }, encoding: "utf8", timeout: 300_000 });
    assert.equal(run.status, 0, `${run.error ?? ""}${run.stdout}${run.stderr}`);
  });
  return false;
}

/** Mounts a bpffs below /mnt, over which a tmpfs hides what is there in this process only. Returns its path. */
export function privateBpffs(): string {
  const base = "/mnt";
  const mounted = spawnSync("mount", ["-t", "tmpfs", "none", base], { encoding: "utf8" });
  assert.equal(mounted.status, 0, mounted.stderr);
  const root = mkdtempSync(join(base, "bpf-"));
  mountBpffs(root);
  return root;
}

/** An eth0 with the node's addresses, and `lo`. */
export function nodeUnderlay(): void {
  using rtnl = new Rtnetlink();
  rtnl.setLink("lo", { up: true });
  const { ifindex } = rtnl.createVeth({ name: "eth0", peer: { name: "underlay" } });
  rtnl.setLink("underlay", { up: true });
  rtnl.setLink("eth0", { up: true });
  rtnl.addAddress({ ifindex, address: "192.0.2.1", prefixLength: 24 });
  rtnl.addAddress({ ifindex, address: "fd00:31::1", prefixLength: 64, noDad: true });
}

/** A dual-stack node with small maps. */
export function testConfig(bpfRoot: string): DatapathConfig {
  return {
    bpfRoot,
    objectDir,
    enableIpv4: true,
    enableIpv6: true,
    nodeIpv4: "192.0.2.1",
    nodeIpv6: "fd00:31::1",
    routerIpv4: "10.1.0.1",
    routerIpv6: "fd00:10:1::1",
    ipv4PodCidr: "10.1.0.0/24",
    ipv6PodCidr: "fd00:10:1::/64",
    tunnelPort: 8472,
    mtu: 0,
    ctTcpMax: 8192,
    ctAnyMax: 8192,
    policyMapMax: 16384,
    ipcacheMax: 16384,
    monitorAggregation: "medium",
    monitorInterval: 5,
    ctSweepInterval: 0,
  };
}

const BAD_SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("tcx/ingress") int cil_from_overlay(struct __sk_buff *skb) { return *(int *)(long)skb->data; }
SEC("tcx/egress") int cil_to_overlay(struct __sk_buff *skb) { return 0; }
char _license[] SEC("license") = "Dual BSD/GPL";
`;

/** An overlay.o whose first program reads packet bytes without a check; the verifier refuses it. */
export function compileBad(): Uint8Array {
  return compile(BAD_SOURCE);
}

/** The object of a C source. */
export function compile(source: string): Uint8Array {
  const args = ["-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-x", "c", "-c", "-", "-o", "-"];
  const run = spawnSync("clang", args, { input: source });
  assert.equal(run.status, 0, run.stderr.toString());
  return run.stdout;
}
