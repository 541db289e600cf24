// SPDX-License-Identifier: Apache-2.0
// Which answer of the REST API an error of the domains is.
import { ApiError } from "../../../src/api/index.ts";
import { FormatError, toError } from "../../../src/core/index.ts";
import { EndpointError, type EndpointErrorCode } from "../../../src/endpoint/index.ts";
import { IpamDisabledError, IpamExhaustedError, IpamInUseError, IpamInvalidError } from "../../../src/ipam/index.ts";
import { PolicyConflictError, PolicyParseError } from "../../../src/policy/index.ts";

const endpointStatus: Readonly<Record<EndpointErrorCode, number>> = {
  invalid: 400,
  conflict: 409,
  "not-found": 404,
  timeout: 500,
};

/**
 * Runs a call; errors that the caller can do something about become an ApiError with their status. `disabled`: that of an
 * address family that is off.
 */
export function withStatus<T>(action: () => T, disabled: 501 | 502 = 501): T {
  try {
    return action();
  } catch (thrown) {
    const status = thrown instanceof IpamDisabledError ? disabled : statusOf(thrown);
    if (status === undefined) throw thrown;
    throw new ApiError(status, toError(thrown).message, thrown);
  }
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof EndpointError) return endpointStatus[error.code];
  if (error instanceof FormatError || error instanceof IpamInvalidError || error instanceof PolicyParseError)
    return 400;
  if (error instanceof IpamInUseError || error instanceof PolicyConflictError) return 409;
  if (error instanceof IpamExhaustedError) return 502;
  return undefined;
}
