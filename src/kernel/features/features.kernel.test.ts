// SPDX-License-Identifier: Apache-2.0
// Each probe's answer must be the one that the kernel's version and configuration explain.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { UnsupportedFeatureError } from "../errors.ts";
import "../testing.ts";
import { type Feature, probeFeature, requireFeature } from "./index.ts";
import { probes } from "./registry.ts";

const CONFIG = "/proc/config.gz";

/** Undefined when the kernel does not tell its configuration. */
function configured(symbol: string): boolean | undefined {
  if (!existsSync(CONFIG)) return undefined;
  return new RegExp(`^${symbol}=[ym]$`, "m").test(gunzipSync(readFileSync(CONFIG)).toString());
}

function atLeast(version: string): boolean {
  const wanted = version.split(".").map(Number);
  const found = release().split(/[.-]/).map(Number);
  for (const [i, part] of wanted.entries()) {
    if ((found[i] ?? 0) !== part) return (found[i] ?? 0) > part;
  }
  return true;
}

function expected(feature: Feature): boolean {
  return atLeast(feature.minKernel) && (configured(feature.config) ?? feature.available);
}

for (const { name } of probes) {
  test(`probeFeature("${name}") says what version and configuration let expect`, () => {
    const feature = probeFeature(name);
    assert.equal(feature.available, expected(feature), feature.reason ?? "available");
    assert.equal(feature.reason === undefined, feature.available);
  });
}

test("requireFeature() throws an error that names kernel and configuration", (t) => {
  const missing = probes.map(({ name }) => probeFeature(name)).find(({ available }) => !available);
  if (missing === undefined) return t.skip("this kernel has everything");
  assert.throws(
    () => requireFeature(missing.name),
    (error) =>
      error instanceof UnsupportedFeatureError &&
      error.feature === missing.name &&
      error.message.includes(`needs kernel ${missing.minKernel}`),
  );
});

test("every probe file is in the registry", () => {
  const others = new Set(["index.ts", "registry.ts", "try.ts", "types.ts"]);
  const files = readdirSync(import.meta.dirname).filter((file) => !others.has(file) && !file.includes(".test."));
  assert.deepEqual(files.sort(), probes.map(({ name }) => `${name.replaceAll("_", "-")}.ts`).sort());
});
