// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomNumbers } from "../../core/testing.ts";
import { searchMtu } from "./search.ts";

/** A path that passes packets of up to `mtu` bytes; counts the questions. */
function path(mtu: number, lossy: (question: number) => boolean = () => false) {
  const asked: number[] = [];
  const ask = async (size: number) => {
    asked.push(size);
    return size <= mtu && !lossy(asked.length);
  };
  return { asked, ask };
}

test("a path that passes what is expected costs one packet", async () => {
  const { ask, asked } = path(1500);
  assert.equal(await searchMtu(ask, 68, 1450), 1450);
  assert.deepEqual(asked, [1450]);
});

test("every smaller MTU is found exactly, in a bounded number of packets", async () => {
  for (const mtu of [68, 69, 576, 1279, 1280, 1399, 1400, 1448, 1449]) {
    const { ask, asked } = path(mtu);
    assert.equal(await searchMtu(ask, 68, 1450), mtu);
    assert.ok(asked.length <= 2 + 3 * 15 * 2 + 2 + 2 * 4, `${asked.length} packets for ${mtu}`);
  }
});

test("a broken path has no MTU, and one that breaks during the search has none either", async () => {
  assert.equal(await searchMtu(path(0).ask, 68, 1450), undefined);
  const { ask } = path(1000, (question) => question > 18);
  assert.equal(await searchMtu(ask, 68, 1450), undefined);
});

test("a single lost packet makes no path narrow", async () => {
  const { ask } = path(1450, (question) => question === 1);
  assert.equal(await searchMtu(ask, 68, 1450), 1450);
});

test("threats: a path that loses three of ten packets of any size is not taken for a narrow one", async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = randomNumbers(seed);
    const wide = await searchMtu(path(1450, () => random() < 0.3).ask, 68, 1450);
    assert.ok(wide === undefined || wide === 1450, `seed ${seed}: ${wide}`);
    const narrow = await searchMtu(path(1400, () => random() < 0.3).ask, 68, 1450);
    assert.ok(narrow === undefined || (narrow > 1390 && narrow <= 1400), `seed ${seed}: ${narrow}`);
  }
});
