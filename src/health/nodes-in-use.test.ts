// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { lookIntervalMs, NodesInUse } from "./nodes-in-use.ts";

/** What is in use after each look; one word a look, one letter a node that something was sent to, capital if probed. */
function looks(...words: string[]): string[] {
  const nodes = new NodesInUse();
  return words.map((word, index) =>
    nodes
      .look(new Set(word.toLowerCase()), index * lookIntervalMs, (node) => word.includes(node.toUpperCase()))
      .join(""),
  );
}

test("a node is in use once something was sent to it twice within three looks", () => {
  assert.deepEqual(looks("a", "a"), ["", "a"]);
  assert.deepEqual(looks("a", "", "a"), ["", "", "a"]);
  assert.deepEqual(looks("a", "", "", "a"), ["", "", "", ""]);
});

test("one probe now and then is no use", () => {
  const words = Array.from({ length: 100 }, (_, index) => (index % 4 === 0 ? "ab" : ""));
  assert.ok(looks(...words).every((inUse) => inUse === ""));
});

test("looks that our own probes fall into say nothing, neither that a node is in use nor that it is not", () => {
  assert.deepEqual(looks("A", "A", "A", "A"), ["", "", "", ""]);
  assert.deepEqual(looks("a", "A", "A", "A", "a"), ["", "", "", "", "a"]);
});

test("a node stays in use for a minute after the last time", () => {
  const after = Array.from({ length: 30 }, () => "b");
  const inUse = looks("a", "a", ...after);
  assert.equal(
    inUse.findLastIndex((nodes) => nodes.includes("a")),
    24 + 1,
  );
  assert.equal(inUse.at(-1), "b");
});
