// SPDX-License-Identifier: Apache-2.0
// How actions end: errors that name what went wrong become one line on stderr and an exit code.
import { CiliumError, errorChain } from "../../src/core/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import { ManifestParseError } from "../../src/kubernetes/index.ts";
import { SandboxError } from "./errors.ts";

/** Wraps an action; errors of kinds that nobody expects keep their stack. */
export function act<A extends readonly unknown[]>(
  action: (...args: A) => void | Promise<void>,
): (...args: A) => Promise<void> {
  return async (...args) => {
    try {
      await action(...args);
    } catch (error) {
      if (!isExpected(error)) throw error;
      process.stderr.write(`Error: ${errorChain(error)}\n`);
      process.exitCode = error instanceof SandboxError ? error.exitCode : 1;
    }
  };
}

function isExpected(error: unknown): boolean {
  if (error instanceof CiliumError || error instanceof ManifestParseError || error instanceof SyscallError) return true;
  return error instanceof Error && "syscall" in error;
}

export function write(text: string): void {
  process.stdout.write(text);
}
