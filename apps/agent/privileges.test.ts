// SPDX-License-Identifier: Apache-2.0
// Which capabilities are missing or too many, by a process's status file.
import assert from "node:assert/strict";
import { test } from "node:test";
import { superfluousCapabilities } from "./privileges.ts";

const status = (mask: bigint) =>
  `Name:\tnode\nCapPrm:\t0\nCapEff:\t${mask.toString(16).padStart(16, "0")}\nCapBnd:\t0\n`;
const needed = (1n << 12n) | (1n << 21n);

test("threats: the agent knows when it may do more than it needs", () => {
  assert.deepEqual(superfluousCapabilities(status(needed)), []);
  assert.deepEqual(superfluousCapabilities(status(needed | 1n | (1n << 40n))), [0, 40]);
});

test("missing capabilities are named", () => {
  assert.throws(
    () => superfluousCapabilities(status(1n << 12n)),
    /^CiliumError: Cannot start without CAP_SYS_ADMIN \(/,
  );
  assert.throws(() => superfluousCapabilities(status(0n)), /without CAP_NET_ADMIN and CAP_SYS_ADMIN \(/);
  assert.throws(() => superfluousCapabilities("Name:\tnode\n"), /CAP_NET_ADMIN and CAP_SYS_ADMIN/);
});
