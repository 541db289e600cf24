// SPDX-License-Identifier: Apache-2.0
// Excluded prefixes in maps that have room for four.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BpfMap } from "../../kernel/index.ts";
import { createIpmasqMap } from "./ipmasq.ts";

const trie = (keySize: number) => BpfMap.create({ type: "lpm_trie", keySize, valueSize: 1, maxEntries: 4 });
const prefixes = (first: number, count: number) => Array.from({ length: count }, (_, n) => `10.${first + n}.0.0/16`);

test("a list that does not fit changes nothing and is told; one that fits replaces a full one", () => {
  using ipv4 = trie(8);
  using ipv6 = trie(20);
  const map = createIpmasqMap(() => [
    { map: ipv4, family: 4 },
    { map: ipv6, family: 6 },
  ]);
  const before = [...prefixes(1, 3), "fd00::/16"];
  assert.equal(map.replace(before), true);
  assert.throws(
    () => map.replace(["fd01::/16", ...prefixes(1, 5)]),
    /^CiliumError: Cannot exclude 5 IPv4 prefixes from masquerading: at most 4 /,
  );
  assert.deepEqual(map.list(), before);
  map.replace([...prefixes(1, 4), "fd00::/16"]);
  map.replace([...prefixes(3, 4), "fd00::/16"]);
  assert.deepEqual(map.list(), [...prefixes(3, 4), "fd00::/16"]);
  assert.equal(map.replace([...prefixes(3, 4), "fd00::/16"]), false);
});
