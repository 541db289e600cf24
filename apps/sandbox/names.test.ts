// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkName, nodeNetnsName, podNetnsName, sandboxOfNetns, underlayNetnsName } from "./names.ts";

test("checkName() takes plain names and refuses what could be mistaken", () => {
  for (const name of ["a", "demo", "demo-2", "x".repeat(20), "pod", "podman-1"]) assert.equal(checkName(name), name);
  for (const name of ["", "-a", "a-", "A", "a_b", "../x", "x".repeat(21), "a-pod", "a-pod-b"]) {
    assert.throws(() => checkName(name), /^SandboxError: Cannot use sandbox name/, name);
  }
});

test("sandboxOfNetns() names the owner of every namespace, also of sandboxes with like names", () => {
  for (const name of ["demo", "demo-2", "demo-node1", "a-underlay", "pod"]) {
    assert.equal(sandboxOfNetns(underlayNetnsName(name)), name);
    assert.equal(sandboxOfNetns(nodeNetnsName(name, "node12")), name);
    assert.equal(sandboxOfNetns(podNetnsName(name, "default", "node1")), name);
    assert.equal(sandboxOfNetns(podNetnsName(name, "x-pod-y", "b-underlay")), name);
  }
  assert.notEqual(podNetnsName("s", "a-b", "c"), podNetnsName("s", "a", "b-c"));
  for (const other of ["cilium-health", "cni-1234", "cilium-demo", "cilium-demo-nodex", "x-demo-node1"]) {
    assert.equal(sandboxOfNetns(other), undefined, other);
  }
});
