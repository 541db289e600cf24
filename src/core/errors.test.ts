// SPDX-License-Identifier: Apache-2.0
// Errors at borders, and suggestions.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CiliumError, ConfigError, errorChain, nearest, toError } from "./index.ts";

test("toError() keeps errors and wraps everything else", () => {
  const error = new TypeError("x");
  assert.equal(toError(error), error);
  assert.equal(toError("text").message, "text");
  assert.equal(toError({ code: 5 }).message, 'Unexpected value thrown: {"code":5}');
  assert.equal(toError(undefined).message, "Unexpected value thrown: undefined");
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  assert.match(toError(cyclic).message, /^Unexpected value thrown/);
});

test("errors carry name, code and cause", () => {
  const cause = new Error("EPERM");
  const error = new CiliumError("Cannot attach", { code: "EPERM", cause });
  assert.deepEqual([error.name, error.code, error.cause], ["CiliumError", "EPERM", cause]);
  const config = new ConfigError("mtu", "Cannot use mtu");
  assert.deepEqual([config.name, config.code, config.key], ["ConfigError", "CONFIG", "mtu"]);
});

test("errorChain() joins causes, without repeating, and ends on a cycle", () => {
  const inner = new Error("ECONNREFUSED");
  assert.equal(errorChain(new Error("Cannot reach etcd", { cause: inner })), "Cannot reach etcd: ECONNREFUSED");
  assert.equal(
    errorChain(new Error("Cannot reach etcd: ECONNREFUSED", { cause: inner })),
    "Cannot reach etcd: ECONNREFUSED",
  );
  const loop = new Error("a");
  loop.cause = loop;
  assert.equal(errorChain(loop), "a");
});

test("nearest() suggests only what could be meant", () => {
  assert.equal(nearest("enable-polcy", ["enable-ipv6", "enable-policy"]), "enable-policy");
  assert.equal(nearest("mut", ["mtu", "devices"]), "mtu");
  assert.equal(nearest("zzzzzzzz", ["mtu", "devices"]), undefined);
});
