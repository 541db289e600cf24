// SPDX-License-Identifier: Apache-2.0
// Compiles bpf/programs/*.bpf.c to build/bpf/*.o (and bpf/tests/*.bpf.c to build/bpf/tests) when a source changed.
import { type ExecFileException, execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { checkStack } from "./bpf-stack.ts";

const root = join(import.meta.dirname, "..");
const output = join(root, "build/bpf");
const stamp = join(output, ".stamp");
const flags = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror", "-fstack-usage"];

/** One source and the object that it becomes. */
interface Unit {
  readonly source: string;
  readonly object: string;
}

async function main(): Promise<void> {
  const started = performance.now();
  const units = listUnits();
  const hash = hashSources();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash && units.every(({ object }) => existsSync(object))) {
    process.stdout.write(`bpf: ${units.length} objects are up to date\n`);
    return;
  }
  await inParallel(units, compile);
  removeOrphans(units);
  writeFileSync(stamp, hash);
  process.stdout.write(
    `bpf: ${units.length} objects compiled in ${((performance.now() - started) / 1000).toFixed(1)} s\n`,
  );
}

function listUnits(): Unit[] {
  const unit = (source: string, folder: string) => ({
    source: join(root, source),
    object: join(folder, `${basename(source, ".bpf.c")}.o`),
  });
  return [
    ...globSync("bpf/programs/*.bpf.c", { cwd: root }).map((source) => unit(source, output)),
    ...globSync("bpf/tests/*.bpf.c", { cwd: root }).map((source) => unit(source, join(output, "tests"))),
  ];
}

/** Of all sources, this file and the compiler: whatever an object depends on. */
function hashSources(): string {
  const hash = createHash("sha256")
    .update(clang("--version"))
    .update(readFileSync(import.meta.filename))
    .update(readFileSync(join(import.meta.dirname, "bpf-stack.ts")));
  for (const file of globSync("bpf/**/*.{c,h}", { cwd: root }).sort()) {
    hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest("hex");
}

function clang(...args: string[]): string {
  try {
    return execFileSync("clang", args, { encoding: "utf8" });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new Error(`Cannot run "clang": ${code} (apt-get install clang libbpf-dev linux-libc-dev)`);
  }
}

/** Writes beside the target and renames, so that nobody reads half an object. */
async function compile({ source, object }: Unit): Promise<void> {
  mkdirSync(dirname(object), { recursive: true });
  const part = `${object}.${process.pid}.part`;
  // Debian keeps <asm/types.h> in the machine's own include folder, which the bpf target does not look into.
  const include = `/usr/include/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
  await new Promise<void>((resolve, reject) => {
    execFile(
      "clang",
      [...flags, "-isystem", include, "-c", source, "-o", part],
      (error: ExecFileException | null, _, errors) => {
        if (error === null) resolve();
        else reject(new Error(`Cannot compile "${basename(source)}":\n${errors || error.message}`));
      },
    );
  });
  // Beside the output, with ".su" in place of ".part".
  const usage = part.replace(/part$/, "su");
  try {
    checkStack(part, readFileSync(usage, "utf8"));
  } catch (error) {
    rmSync(part);
    throw new Error(`Cannot build "${basename(source)}": ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  } finally {
    rmSync(usage);
  }
  renameSync(part, object);
}

async function inParallel(units: readonly Unit[], run: (unit: Unit) => Promise<void>): Promise<void> {
  const queue = [...units];
  const worker = async () => {
    for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) await run(unit);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

function removeOrphans(units: readonly Unit[]): void {
  const wanted = new Set(units.map(({ object }) => object));
  for (const file of globSync("**/*.o", { cwd: output })) {
    const path = join(output, file);
    if (!wanted.has(path)) rmSync(path);
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
