// SPDX-License-Identifier: Apache-2.0
// Bundles the CNI plugin into build/cni.mjs: one file to read at each ADD and DEL instead of a hundred.

import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const entry = join(root, "apps/cni/main.ts");

// `require` for CommonJS packages inside, and for koffi, whose native part stays where npm put it.
const banner =
  'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);';

if (existsSync(entry)) {
  mkdirSync(join(root, "build"), { recursive: true });
  await build({
    entryPoints: [entry],
    outfile: join(root, "build/cni.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node26",
    external: ["koffi"],
    banner: { js: banner },
    logLevel: "warning",
  });
  console.log("build/cni.mjs");
}
