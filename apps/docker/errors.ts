// SPDX-License-Identifier: Apache-2.0
// What the engine is told when a call cannot be served.
import { oneLine } from "../../src/core/index.ts";

/** The request is at fault, not the machine: HTTP 400. Any other error is a 500. */
export class RequestError extends Error {
  constructor(message: string) {
    super(oneLine(message));
    this.name = "RequestError";
  }
}
