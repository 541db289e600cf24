// SPDX-License-Identifier: Apache-2.0
// The developers' gate: format, lint, types, layers, documents, generated files, unit tests. Each failure names its repair.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const bin = join(root, "node_modules/.bin");

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  /** What to do when it fails. */
  readonly repair: string;
  /** The step is left out when this file is not there. */
  readonly needs?: string;
}

const node = process.execPath;
const steps: readonly Step[] = [
  {
    name: "format and lint",
    command: [join(bin, "biome"), "check", "--error-on-warnings", "--max-diagnostics=50", "."],
    repair: "node_modules/.bin/biome check --write .",
  },
  { name: "types", command: [join(bin, "tsc"), "-p", ".", "--noEmit"], repair: "mend the types that tsc names above" },
  {
    name: "layers",
    command: [node, "tools/check-layers.ts"],
    repair: "mend the places above (tools/layers.ts has the layers, docs/dependencies.md the packages)",
  },
  {
    name: "documents",
    command: [node, "tools/check-docs.ts"],
    repair: "mend the places above (names in backticks and links lead to files; each folder has its place)",
  },
  {
    name: "generated ABI codecs",
    command: [node, "tools/abi-gen.ts", "--check"],
    repair: "node_modules/.bin/node tools/abi-gen.ts",
    needs: "tools/abi-gen.ts",
  },
  {
    name: "generated protobuf code",
    command: [node, "tools/gen-protos.ts", "--check"],
    repair: "node_modules/.bin/node tools/gen-protos.ts",
    needs: "tools/gen-protos.ts",
  },
  {
    name: "generated page of drop reasons",
    command: [node, "tools/gen-drop-docs.ts", "--check"],
    repair: "node_modules/.bin/node tools/gen-drop-docs.ts",
  },
  {
    name: "unit tests",
    command: [node, "tools/test.ts", "--unit"],
    repair: "npm test -- PART-OF-THE-FILE'S-PATH runs a single file again",
  },
];

interface Outcome {
  readonly code: number;
  readonly output: string;
}

let failed = 0;
for (const step of steps) {
  if (step.needs !== undefined && !existsSync(join(root, step.needs))) continue;
  const since = performance.now();
  const { code, output } = await runStep(step.command);
  const time = `${((performance.now() - since) / 1000).toFixed(1)} s`;
  if (code === 0) {
    console.log(`ok      ${step.name} (${time})`);
    continue;
  }
  failed++;
  console.log(output.trimEnd());
  console.log(`FAILED  ${step.name} (${time}); repair: ${step.repair}`);
}
if (failed > 0) console.error(`Error: ${failed} of ${steps.length} checks failed`);
process.exitCode = failed > 0 ? 1 : 0;

function runStep([program = "", ...args]: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", (error) => resolve({ code: 1, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString("utf8") }));
  });
}
