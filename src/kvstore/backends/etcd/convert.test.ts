// SPDX-License-Identifier: Apache-2.0
// Ranges of prefixes, at their edges.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { isUnreachable, nextKey, prefixRange, toKvError } from "./convert.ts";

test("prefixRange() ends right behind all keys with the prefix", () => {
  const text = (prefix: string) => {
    const { key, rangeEnd } = prefixRange(prefix);
    return [Buffer.from(key).toString("latin1"), Buffer.from(rangeEnd).toString("latin1")];
  };
  assert.deepEqual(text("a/"), ["a/", "a0"]);
  assert.deepEqual(text(""), ["\0", "\0"]);
  assert.deepEqual(text("ÿ"), ["\u00c3\u00bf", "\u00c3\u00c0"]);
  assert.deepEqual([...nextKey(new Uint8Array([1, 2]))], [1, 2, 0]);
});

test("errors are told apart: not reached, lease gone, refused", () => {
  const reset = new ConnectError(
    "x",
    Code.Internal,
    undefined,
    undefined,
    Object.assign(new Error(), { code: "ECONNRESET" }),
  );
  assert.equal(isUnreachable(reset), true);
  assert.equal(isUnreachable(new ConnectError("x", Code.Internal)), false);
  assert.equal(toKvError(new ConnectError("no", Code.Unavailable), "get x").message, "Cannot get x: [unavailable] no");
  const gone = toKvError(new ConnectError("etcdserver: requested lease not found", Code.NotFound), "put x");
  assert.equal(gone.name, "KvLeaseNotFoundError");
  const refused = toKvError(new ConnectError("etcdserver: permission denied", Code.PermissionDenied), "put x");
  assert.equal(refused.message, "Cannot put x: etcdserver: permission denied");
});
