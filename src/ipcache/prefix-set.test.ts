// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { cidrContains, parseCidr } from "../core/index.ts";
import { randomNumbers } from "../core/testing.ts";
import { PrefixSet } from "./prefix-set.ts";

test("covers() agrees with asking every prefix", () => {
  const random = randomNumbers(5);
  const below = (limit: number) => Math.floor(random() * limit);
  const prefix = () => {
    const bits = below(17);
    return random() < 0.5 ? `10.${below(4)}.${below(2)}.0/${8 + bits}` : `fd00:${below(3)}::/${16 + bits}`;
  };
  for (let round = 0; round < 200; round++) {
    const texts = Array.from({ length: below(6) }, prefix);
    const set = new PrefixSet(texts);
    for (let asked = 0; asked < 10; asked++) {
      const cidr = parseCidr(prefix());
      const expected = texts.some((text) => cidrContains(parseCidr(text), cidr));
      assert.equal(set.covers(cidr), expected, `${texts.join()} ${cidr.ip}/${cidr.bits}`);
    }
  }
});
