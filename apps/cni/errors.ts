// SPDX-License-Identifier: Apache-2.0
// Errors as the CNI specification numbers them.
import { AgentUnreachableError, ApiError } from "../../src/api/index.ts";
import { errorChain, oneLine, toError } from "../../src/core/index.ts";

/** Codes below 100 are the specification's, the others this plugin's. */
export const cniCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  io: 5,
  decode: 6,
  invalidConfig: 7,
  tryAgainLater: 11,
  pluginNotAvailable: 50,
  limitedConnectivity: 51,
  healthzFailed: 100,
  unhealthy: 101,
  ipamFailed: 102,
  alreadyAttached: 103,
  networkNotAsExpected: 104,
  agentRefused: 105,
  internal: 999,
} as const;

export type CniCode = (typeof cniCodes)[keyof typeof cniCodes];

/** What goes to stdout as the plugin's error result. */
export class CniError extends Error {
  readonly cniCode: CniCode;
  readonly details: string;

  constructor(cniCode: CniCode, message: string, details = "", cause?: unknown) {
    super(oneLine(message), cause === undefined ? undefined : { cause });
    this.name = "CniError";
    this.cniCode = cniCode;
    this.details = details;
  }
}

/** Any error as a CniError; `code` is for those that say nothing by themselves. */
export function toCniError(thrown: unknown, code: CniCode = cniCodes.internal): CniError {
  if (thrown instanceof CniError) return thrown;
  if (thrown instanceof AgentUnreachableError) {
    return new CniError(cniCodes.tryAgainLater, thrown.message, "DaemonDown", thrown);
  }
  if (thrown instanceof ApiError) {
    const busy = thrown.status === 429 || thrown.status === 503;
    const own = code === cniCodes.internal ? cniCodes.agentRefused : code;
    return new CniError(busy ? cniCodes.tryAgainLater : own, thrown.message, `agent status ${thrown.status}`, thrown);
  }
  return new CniError(code, errorChain(thrown), "", toError(thrown));
}
