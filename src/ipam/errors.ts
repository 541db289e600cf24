// SPDX-License-Identifier: Apache-2.0
// Errors of address management that the REST API turns into different answers.
import { CiliumError } from "../core/index.ts";

/** No address is left. */
export class IpamExhaustedError extends CiliumError {
  constructor(message: string) {
    super(message, { code: "IPAM_EXHAUSTED" });
  }
}

/** The address asked for has an owner already. */
export class IpamInUseError extends CiliumError {
  constructor(ip: string, owner: string) {
    super(`Cannot allocate address "${ip}": in use by "${owner}"`, { code: "IPAM_IN_USE" });
  }
}

/** The address is of a family that is off on this node. */
export class IpamDisabledError extends CiliumError {
  constructor(family: 4 | 6) {
    super(`Cannot allocate IPv${family} address: IPv${family} is off on this node (enable-ipv${family})`, {
      code: "IPAM_DISABLED",
    });
  }
}

/** The address, family or pool asked for cannot be had here at all. */
export class IpamInvalidError extends CiliumError {
  constructor(message: string) {
    super(message, { code: "IPAM_INVALID" });
  }
}
