// SPDX-License-Identifier: Apache-2.0
// What is wrong with a gob stream.
import { CiliumError } from "../../core/index.ts";

/** The stream cannot be read on from here; the connection is of no more use. */
export class GobError extends CiliumError {
  constructor(reason: string) {
    super(`Cannot decode monitor stream: ${reason}`, { code: "GOB" });
  }
}
