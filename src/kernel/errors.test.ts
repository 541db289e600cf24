// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  lastUsefulLine,
  MapIncompatibleError,
  SyscallError,
  UnsupportedFeatureError,
  VerifierError,
} from "./errors.ts";

test("SyscallError names the errno and what to do", () => {
  const error = new SyscallError({ call: "bpf(BPF_MAP_CREATE)", errno: 1, what: 'Cannot create map "x"' });
  assert.equal(error.code, "EPERM");
  assert.match(error.message, /^Cannot create map "x": EPERM \(needs root/);
  const hinted = new SyscallError({ call: "netlink", errno: 22, what: "Cannot y", hint: "mtu too large" });
  assert.equal(hinted.message, "Cannot y: EINVAL (mtu too large)");
  assert.equal(new SyscallError({ call: "z", errno: 524, what: "Cannot z" }).message, "Cannot z: ENOTSUPP");
});

test("VerifierError shows the last useful line of the log", () => {
  const log =
    "0: (61) r1 = *(u32 *)(r1 +76)\nR1 offset is outside of the packet\nprocessed 2 insns (limit 1000000)\n\n";
  assert.equal(lastUsefulLine(log), "R1 offset is outside of the packet");
  assert.equal(new VerifierError("p", log).message, 'Cannot load program "p": R1 offset is outside of the packet');
  assert.equal(lastUsefulLine(""), "the verifier gave no reason");
});

test("UnsupportedFeatureError and MapIncompatibleError say what is needed and what differs", () => {
  const feature = { name: "tcx", minKernel: "6.6", config: "CONFIG_NET_XGRESS" };
  const message = 'Cannot use "tcx": EINVAL (needs kernel 6.6 with CONFIG_NET_XGRESS)';
  assert.equal(new UnsupportedFeatureError(feature, "EINVAL").message, message);
  const error = new MapIncompatibleError("m", "/p", ["key size is 4, the object declares 8"]);
  assert.match(error.message, /^Cannot re-use map "m" at "\/p": key size is 4, the object declares 8 \(/);
});
