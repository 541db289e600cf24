// SPDX-License-Identifier: Apache-2.0
// Errors of identity allocation that callers tell apart.
import { CiliumError } from "../core/index.ts";
import type { IdentityRange } from "./types.ts";

/** All numbers of the range are in use. */
export class IdentityExhaustedError extends CiliumError {
  constructor(labels: string, range: IdentityRange) {
    super(
      `Cannot allocate identity "${labels}": all ${range.max - range.min + 1} identities of ${range.min}-${range.max}` +
        " are in use (fewer distinct label sets are needed: leave labels that vary out with the labels option)",
      { code: "IDENTITY_EXHAUSTED" },
    );
  }
}
