// SPDX-License-Identifier: Apache-2.0
// How a command ends other than well.
import { CiliumError } from "../../src/core/index.ts";

/** The command line is wrong. */
export class UsageError extends CiliumError {
  constructor(message: string) {
    super(message, { code: "USAGE" });
  }
}

/** Everything was printed already; only the exit code is left. */
export class ExitError extends CiliumError {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit ${exitCode}`, { code: "EXIT" });
    this.exitCode = exitCode;
  }
}
