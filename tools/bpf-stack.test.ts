// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkStack, deepestChain, parseFrames } from "./bpf-stack.ts";

/** Functions that call each other through all that the compiler has: by name, by place, and by a helper. */
function source(bytes: Readonly<Record<"program" | "global" | "local" | "handed", number>>): string {
  const use = (size: number) => `char room[${size}]; asm volatile("" : : "r"(room) : "memory");`;
  return `
static long (*const loop)(unsigned, void *, void *, unsigned long) = (void *)181;
static long handed(unsigned index, void *context) { ${use(bytes.handed)} return index; }
static __attribute__((noinline)) int local(int x) { ${use(bytes.local)} loop(x, handed, 0, 0); return x * 3; }
__attribute__((noinline)) int global(int x) { ${use(bytes.global)} return local(x) + 1; }
__attribute__((section("tc"))) int program(void *skb) { ${use(bytes.program)} return global(*(int *)skb) + 1; }
`;
}

function check(code: string): void {
  const folder = mkdtempSync(join(tmpdir(), "bpf-stack-"));
  try {
    writeFileSync(join(folder, "a.c"), code);
    execFileSync("clang", ["-O2", "-target", "bpf", "-mcpu=v3", "-fstack-usage", "-c", "a.c", "-o", "a.o"], {
      cwd: folder,
    });
    checkStack(join(folder, "a.o"), readFileSync(join(folder, "a.su"), "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the stack of functions that call each other is counted as kernel 6.1 counts it", () => {
  check(source({ program: 192, global: 160, local: 128, handed: 32 }));
  // One byte more in any of them takes a step of 32.
  for (const name of ["program", "global", "local", "handed"] as const) {
    const sizes = { program: 192, global: 160, local: 128, handed: 32 };
    assert.throws(
      () => check(source({ ...sizes, [name]: sizes[name] + 8 })),
      /^Error: Cannot use 544 bytes of stack: .*\(program \d+, global \d+, local \d+, handed \d+; /,
    );
  }
});

test("of several chains the deepest counts, and an empty frame takes a step too", () => {
  const frames = parseFrames(
    "a.c:1:entry\t100\tstatic\na.c:2:left\t8\tstatic\na.c:3:right\t33\tstatic\na.c:4:end\t0\tstatic\n",
  );
  const calls = new Map([
    ["entry", new Set(["left", "right"])],
    ["left", new Set(["end"])],
    ["right", new Set(["end"])],
  ]);
  assert.deepEqual(deepestChain(frames, calls), { bytes: 128 + 64 + 32, functions: ["entry", "right", "end"] });
});
