// SPDX-License-Identifier: Apache-2.0
// The one error that commands of the sandbox end with.
import { CiliumError } from "../../src/core/index.ts";

/** What could not be done and what to do about it; `exitCode` 2 means wrong usage. */
export class SandboxError extends CiliumError {
  readonly exitCode: 1 | 2;

  constructor(message: string, details: { cause?: unknown; exitCode?: 1 | 2 } = {}) {
    super(message, { code: "SANDBOX", cause: details.cause });
    this.exitCode = details.exitCode ?? 1;
  }
}
