// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, loadConfig } from "../../src/core/index.ts";
import { flowMapSizes, mapOptions } from "./map-options.ts";

const gib = 2 ** 30;

function sizes(memory: number, ...argv: string[]) {
  return flowMapSizes(loadConfig({ options: Object.values(mapOptions), argv }), memory);
}

test("flowMapSizes() scales with memory, as Cilium does (284,560 for 30 GiB there)", () => {
  assert.deepEqual(sizes(15 * gib), { ctTcp: 142_784, ctAny: 71_392, nat: 142_784 });
  assert.equal(Math.round(sizes(30 * gib).ctTcp / 1000), 286);
  assert.equal(Math.round(sizes(120 * gib).ctTcp / 1000), 1142);
});

test("flowMapSizes() goes neither below what a small node needs nor above what a map may have", () => {
  assert.deepEqual(sizes(gib), { ctTcp: 131_072, ctAny: 65_536, nat: 131_072 });
  assert.deepEqual(sizes(64 * 1024 * gib), { ctTcp: 1 << 24, ctAny: 1 << 24, nat: 1 << 24 });
});

test("flowMapSizes() keeps sizes that are given, and all of them without a ratio", () => {
  assert.deepEqual(sizes(gib, "--bpf-ct-global-tcp-max=1024", "--bpf-nat-global-max=524288"), {
    ...{ ctTcp: 1024, ctAny: 65_536, nat: 524_288 },
  });
  assert.deepEqual(sizes(gib, "--bpf-map-dynamic-size-ratio=0.0"), { ctTcp: 524_288, ctAny: 262_144, nat: 524_288 });
});

for (const text of ["1.5", "-0.1", "a lot", "0,0025", ""])
  test(`bpf-map-dynamic-size-ratio cannot be "${text}"`, () => {
    assert.throws(
      () => sizes(gib, `--bpf-map-dynamic-size-ratio=${text}`),
      (error) => error instanceof ConfigError && /allowed: a number from 0 to 1/.test(error.message),
    );
  });
