// SPDX-License-Identifier: Apache-2.0
// Writes src/abi/*.gen.ts from the BTF of bpf/abi/*.h. With --check it compares instead and fails on a difference.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BtfType, elfSection, parseBtf } from "../src/abi/btf.ts";
import { emitHeader, emitIndex, emitLayout } from "./abi-gen-emit.ts";

const root = join(import.meta.dirname, "..");
const headers = join(root, "bpf/abi");
const target = join(root, "src/abi");

/** What one header declares, in its order. */
export interface AbiHeader {
  readonly name: string;
  readonly structs: readonly string[];
  readonly enums: readonly string[];
  readonly constants: readonly (readonly [string, number])[];
}

function main(): void {
  const check = process.argv.includes("--check");
  const files = generate();
  const stale = [...files].filter(([name, text]) => readOrEmpty(join(target, name)) !== text).map(([name]) => name);
  const orphans = readdirSync(target).filter((name) => name.endsWith(".gen.ts") && !files.has(name));
  if (check) {
    if (stale.length + orphans.length === 0) return;
    process.stderr.write(
      `Error: src/abi is not up to date: ${[...stale, ...orphans].join(", ")} (run tools/abi-gen.ts)\n`,
    );
    process.exitCode = 1;
    return;
  }
  for (const name of stale) writeFileSync(join(target, name), files.get(name) ?? "");
  for (const name of orphans) rmSync(join(target, name));
  process.stdout.write(`abi: ${files.size} files, ${stale.length} written\n`);
}

function generate(): Map<string, string> {
  const found = readdirSync(headers)
    .filter((name) => name.endsWith(".h"))
    .sort()
    .map(readHeader);
  const types = compileTypes(found);
  const files = new Map<string, string>();
  for (const header of found) {
    const text = emitHeader(header, found, types);
    if (text !== undefined) files.set(`${header.name}.gen.ts`, text);
  }
  files.set("layout.gen.ts", emitLayout(found, types));
  files.set("index.ts", emitIndex([...files.keys()]));
  return files;
}

function readHeader(file: string): AbiHeader {
  const text = readFileSync(join(headers, file), "utf8");
  const names = (pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1] ?? "");
  return {
    name: file.slice(0, -2),
    structs: names(/^struct (\w+) \{/gm),
    enums: names(/^enum (\w+) \{/gm),
    constants: [...text.matchAll(/^#define (\w+) (\d+)$/gm)].map(
      (match) => [match[1] ?? "", Number(match[2])] as const,
    ),
  };
}

/** Compiles a file that has a variable of each type, so that clang describes all of them. */
function compileTypes(found: readonly AbiHeader[]): readonly BtfType[] {
  const folder = mkdtempSync(join(tmpdir(), "abi-gen-"));
  try {
    const lines = found.flatMap((header) => [
      `#include "${header.name}.h"`,
      ...header.structs.map((name) => `struct ${name} struct_${name};`),
      ...header.enums.map((name) => `enum ${name} enum_${name};`),
    ]);
    writeFileSync(join(folder, "all.c"), `${lines.join("\n")}\n`);
    const args = [
      "-O2",
      "-g",
      "-target",
      "bpf",
      "-I",
      headers,
      "-c",
      join(folder, "all.c"),
      "-o",
      join(folder, "all.o"),
    ];
    // Debian keeps <asm/types.h> in the machine's own include folder, which the bpf target does not look into.
    execFileSync("clang", [...args, "-isystem", `/usr/include/${machineTriple()}`], { stdio: "inherit" });
    const btf = elfSection(readFileSync(join(folder, "all.o")), ".BTF");
    if (btf === undefined) throw new Error("Cannot generate codecs: clang wrote no BTF");
    return parseBtf(btf);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function machineTriple(): string {
  return process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

main();
