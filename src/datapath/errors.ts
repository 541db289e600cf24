// SPDX-License-Identifier: Apache-2.0
// The datapath's error: one line that says what could not be done, why, and what to do.
import { CiliumError, type ErrorDetails, errorChain } from "../core/index.ts";

export class DatapathError extends CiliumError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: "DATAPATH", ...details });
  }
}

/** `what: chain of the cause`, with what to do in parentheses when there is something. */
export function datapathError(what: string, cause: unknown, advice?: string): DatapathError {
  return new DatapathError(`${what}: ${errorChain(cause)}${advice === undefined ? "" : ` (${advice})`}`, { cause });
}
