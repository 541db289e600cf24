// SPDX-License-Identifier: Apache-2.0
// For tests: compiles the sample object; packets' contexts.
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOURCE = join(import.meta.dirname, "../../bpf/tests/kernel-sample.bpf.c");

/** Compiles kernel-sample.bpf.c into a temporary directory, which the caller removes. */
export function compileSample(): { path: string; directory: string } {
  const directory = mkdtempSync(join(tmpdir(), "kernel-sample-"));
  const path = join(directory, "sample.o");
  const include = `-I/usr/include/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
  execFileSync("clang", ["-target", "bpf", "-g", "-O2", "-Wall", "-Werror", include, "-c", SOURCE, "-o", path]);
  return { path, directory };
}

/** struct __sk_buff with the fields that a test run takes over. */
export function skbContext(fields: { readonly mark: number }): Uint8Array {
  const context = new Uint8Array(192);
  new DataView(context.buffer).setUint32(8, fields.mark, true);
  return context;
}
