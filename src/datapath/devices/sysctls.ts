// SPDX-License-Identifier: Apache-2.0
// Sysctls of the network namespace that pod traffic depends on.
import { readSysctl, writeSysctl } from "../../kernel/index.ts";
import { datapathError } from "../errors.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { DatapathConfig } from "../types.ts";
import { deviceNames } from "./names.ts";

type Families = Pick<DatapathConfig, "enableIpv4" | "enableIpv6">;

/** Name (with slashes) and value, in writing order. Pure. */
export function wantedSysctls(config: Families, devices: readonly string[]): readonly (readonly [string, string])[] {
  const rows: [string, string][] = [];
  if (config.enableIpv4) {
    rows.push(["net/ipv4/ip_forward", "1"]);
    // The strictest of "all" and the device counts; pods' devices begin with "default".
    for (const scope of ["all", "default", ...devices]) rows.push([`net/ipv4/conf/${scope}/rp_filter`, "0"]);
    for (const scope of ["all", ...devices]) rows.push([`net/ipv4/conf/${scope}/send_redirects`, "0"]);
    for (const device of devices) {
      rows.push([`net/ipv4/conf/${device}/forwarding`, "1"], [`net/ipv4/conf/${device}/accept_local`, "1"]);
    }
  }
  if (config.enableIpv6) {
    for (const scope of ["all", ...devices]) rows.push([`net/ipv6/conf/${scope}/disable_ipv6`, "0"]);
    for (const scope of ["all", ...devices]) rows.push([`net/ipv6/conf/${scope}/forwarding`, "1"]);
  }
  return rows;
}

/** Writes what differs. */
export function ensureSysctls(status: ObjectStatus, config: Families): void {
  for (const [name, value] of wantedSysctls(config, Object.values(deviceNames))) {
    status.keep("sysctl", name, () => ensureSysctl(name, value));
  }
}

function ensureSysctl(name: string, value: string): boolean {
  try {
    if (readSysctl(name).trim() === value) return false;
    writeSysctl(name, value);
    return true;
  } catch (error) {
    throw datapathError(`Cannot set sysctl "${name}" to ${value}`, error, "is /proc/sys writable and IPv6 compiled in");
  }
}
