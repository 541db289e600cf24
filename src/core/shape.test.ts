// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { checkShape } from "./shape.ts";

const schema = z.strictObject({ name: z.string().min(1).max(10), list: z.array(z.string()).max(3).optional() });

test("checkShape() gives the value, or where and what is wrong", () => {
  assert.deepEqual(checkShape(schema, { name: "a" }), { ok: true, value: { name: "a" } });
  const wrong = checkShape(schema, { name: "a", list: ["x", 1] });
  assert.ok(!wrong.ok);
  assert.equal(wrong.where, "list.1");
  assert.match(wrong.problem, /expected string/);
});

test("threats: an object that only looks like a list or text is wrong, and no exception", () => {
  for (const fake of [
    { length: { toString: 1 } },
    { length: { valueOf: 1, toString: 1 } },
    { length: Symbol.iterator },
  ]) {
    for (const value of [fake, { name: fake }, { name: "a", list: fake }]) {
      assert.equal(checkShape(schema, value).ok, false);
    }
  }
  const huge = checkShape(schema, { name: "a", ["x".repeat(100_000)]: 1 });
  assert.ok(!huge.ok && huge.problem.length < 300);
});
