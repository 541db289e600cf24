// SPDX-License-Identifier: Apache-2.0
// Bundles the agent and the runtimes' plug-ins: one file to read at each start instead of hundreds, and no types to strip; and
// compiles what stands before two of them: the CNI plugin's quick half, which hands calls over to the agent, and the Docker
// plug-in's door.

import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";

const root = join(import.meta.dirname, "..");
const folder = join(root, "build/bundles");

// `require` for CommonJS packages inside, and for koffi, whose native part stays where npm put it.
const banner =
  'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);';

/** Zod's messages in 50 languages are a third of the agent; ours are English. */
const englishOnly: Plugin = {
  name: "english-only",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/locales\/index\.js$/ }, ({ importer, resolveDir, path }) =>
      importer.includes("/zod/") ? { path: join(resolveDir, path, "../en.js"), namespace: "zod-locale" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "zod-locale" }, ({ path }) => ({
      contents: `export { default as en } from ${JSON.stringify(path)};`,
      resolveDir: root,
    }));
  },
};

mkdirSync(join(root, "build/bin"), { recursive: true });
for (const [name, source] of [
  ["cni-hand-over", "apps/cni/hand-over.c"],
  ["docker-front", "apps/docker/front.c"],
] as const) {
  const program = join(root, "build/bin", name);
  const flags = ["-O2", "-Wall", "-Wextra", "-Werror"];
  // Under another name first: somebody may be running it.
  execFileSync("clang", [...flags, "-o", `${program}.new`, join(root, source)], { stdio: "inherit" });
  renameSync(`${program}.new`, program);
  console.log(`build/bin/${name}`);
}
mkdirSync(folder, { recursive: true });
// The agent last: its time says when all of them were made.
for (const app of ["cni", "docker", "agent"]) {
  const outfile = join(folder, `${app}.mjs`);
  await build({
    entryPoints: [join(root, "apps", app, "main.ts")],
    outfile,
    bundle: true,
    // Source text stays in memory; names stay as they are.
    minifyWhitespace: true,
    platform: "node",
    format: "esm",
    target: "node26",
    external: ["koffi"],
    banner: { js: banner },
    plugins: [englishOnly],
    logLevel: "warning",
  });
  console.log(`build/bundles/${app}.mjs`);
}

// Fills the compile cache: code that comes from there needs no compiling, and 20 MB less memory.
const warm = ["--require", join(root, "tools/compile-cache.cjs"), join(folder, "agent.mjs"), "--version"];
execFileSync(process.execPath, warm, { stdio: ["ignore", "ignore", "inherit"] });
