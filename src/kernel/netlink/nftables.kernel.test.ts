// SPDX-License-Identifier: Apache-2.0
// Tables in a real kernel: replaced whole, and refused whole. What they do to packets: tests/runtimes/docker.test.ts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createNetns, deleteNetns } from "../netns.ts";
import { deleteNftTable, hasNftTable, type NftTable, nft, nftPriorities, replaceNftTable } from "./nftables.ts";

const netns = `/run/netns/nft-${process.pid}`;

before(() => createNetns(netns).close());
after(() => deleteNetns(netns));

function table(...rules: NftTable["chains"][number]["rules"]): NftTable {
  const base = { type: "nat", hook: "output", priority: nftPriorities.destinationNat } as const;
  return {
    name: "test",
    chains: [
      { name: "ports", rules },
      { name: "own", base, rules: [nft.jump("ports")] },
    ],
  };
}
const target = Uint8Array.of(127, 0, 0, 2);

test("a table is replaced and deleted as often as one likes", () => {
  assert.equal(hasNftTable("test", netns), false);
  for (const family of [4, 6, 4] as const) {
    const address = family === 4 ? target : new Uint8Array(16);
    const what = [...nft.family(family), ...nft.toThisNode(), ...nft.protocol(6), ...nft.destinationPort(80)];
    replaceNftTable(table([...what, ...nft.newDestination(family, address, 81)]), netns);
    assert.ok(hasNftTable("test", netns));
  }
  for (let i = 0; i < 2; i++) deleteNftTable("test", netns);
  assert.equal(hasNftTable("test", netns), false);
});

test("a table with something bad in it changes nothing", () => {
  assert.throws(() => replaceNftTable(table(nft.drop(), nft.jump("nowhere")), netns), {
    name: "SyscallError",
    message: /^Cannot replace nftables table "test": ENOENT/,
  });
  assert.equal(hasNftTable("test", netns), false);
});

test("hundreds of rules fit", () => {
  const rules = Array.from({ length: 500 }, (_, i) => [
    ...nft.family(4),
    ...nft.protocol(6),
    ...nft.destinationPort(i + 1),
    ...nft.newDestination(4, target, i + 1),
  ]);
  replaceNftTable(table(...rules), netns);
  deleteNftTable("test", netns);
});
