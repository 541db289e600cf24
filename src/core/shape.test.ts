// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { checkJson, checkShape } from "./shape.ts";

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

test("checkJson() says what is wrong with text that is no JSON, or is too large, without reading it", () => {
  const schema = z.object({ a: z.int() });
  assert.deepEqual(checkJson(schema, '{"a": 1}', 8), { ok: true, value: { a: 1 } });
  const wrong = (text: string, longest = 100) => {
    const result = checkJson(schema, text, longest);
    return result.ok ? "fine" : `${result.where}: ${result.problem}`;
  };
  assert.equal(wrong("{"), ": not JSON");
  assert.equal(wrong('{"a": 1}', 7), ": too large: 8 characters, at most 7");
  assert.match(wrong('{"a": "b"}'), /^a: /);
});
