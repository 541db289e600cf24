// SPDX-License-Identifier: Apache-2.0
// Errors of endpoint requests that callers answer differently.
import { CiliumError } from "../core/index.ts";

/** `conflict`: an address, container interface or device is in use. `invalid`: the request is wrong. */
export type EndpointErrorCode = "invalid" | "conflict" | "not-found" | "timeout";

export class EndpointError extends CiliumError {
  declare readonly code: EndpointErrorCode;

  constructor(code: EndpointErrorCode, message: string, cause?: unknown) {
    super(message, { code, cause });
  }
}
