// SPDX-License-Identifier: Apache-2.0
// Errors that cross the REST border.
import { CiliumError } from "../core/index.ts";

/**
 * An answer of the API other than success. The server turns it into the HTTP status and `{"code", "message"}`,
 * the client makes it again from those.
 */
export class ApiError extends CiliumError {
  /** HTTP status, 400–599. */
  readonly status: number;

  constructor(status: number, message: string, cause?: unknown) {
    super(message, { code: `HTTP_${status}`, cause });
    this.status = status;
  }
}

/** Nobody answers on the agent's socket, or not in time. `code` is the errno's name or "ETIMEDOUT". */
export class AgentUnreachableError extends CiliumError {
  readonly socketPath: string;

  constructor(socketPath: string, code: string) {
    super(`Cannot reach the agent at "${socketPath}": ${code} (is cilium-agent running? set CILIUM_SOCK or --host)`, {
      code,
    });
    this.socketPath = socketPath;
  }
}
