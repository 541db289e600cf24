// SPDX-License-Identifier: Apache-2.0
// Sysctls of the network namespace that pod traffic depends on.
import { readSysctl, writeSysctl } from "../../kernel/index.ts";
import { datapathError } from "../errors.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { DatapathConfig } from "../types.ts";
import { ownDevices } from "./names.ts";

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
export function ensureSysctls(
  status: ObjectStatus,
  config: Families & Pick<DatapathConfig, "routingMode" | "tunnelProtocol">,
): void {
  for (const [name, value] of wantedSysctls(config, ownDevices(config))) {
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

/** Health probes see to it that the agent may open ICMP sockets. */
export const pingGroups = "net/ipv4/ping_group_range";

/** What the kernel changes along with a setting of the namespace. */
interface Followers {
  /** The setting of each device there, which gets the same value. */
  readonly folder: string;
  readonly setting: string;
  /** Other settings, with what they become by our value. */
  readonly others: Readonly<Record<string, string>>;
}

const followers: Readonly<Record<string, Followers>> = {
  "net/ipv4/ip_forward": {
    folder: "net/ipv4/conf",
    setting: "forwarding",
    others: { "net/ipv4/conf/all/accept_redirects": "0" },
  },
  "net/ipv6/conf/all/forwarding": { folder: "net/ipv6/conf", setting: "forwarding", others: {} },
  "net/ipv6/conf/all/disable_ipv6": { folder: "net/ipv6/conf", setting: "disable_ipv6", others: {} },
};

/** The setting with which the kernel changes another one, and the value that the other gets when we set it. */
export function leaderOf(name: string): { readonly leader: string; readonly made: string } | undefined {
  for (const [leader, wanted] of wantedSysctls({ enableIpv4: true, enableIpv6: true }, [])) {
    const along = followers[leader];
    if (along === undefined || leader === name) continue;
    const { folder, setting, others } = along;
    const made = others[name] ?? (name.startsWith(`${folder}/`) && name.endsWith(`/${setting}`) ? wanted : undefined);
    if (made !== undefined) return { leader, made };
  }
  return undefined;
}

/** Settings of the whole namespace, and of `devices` (not ours), that ensureSysctls() may change. Pure. */
export function touchedSysctls(config: Families, devices: readonly string[]): readonly string[] {
  return [...wantedSysctls(config, []).flatMap(followed), pingGroups];

  function followed([name]: readonly [string, string]): readonly string[] {
    const along = followers[name];
    if (along === undefined) return [name];
    const { folder, setting, others } = along;
    return [name, ...Object.keys(others), ...["default", ...devices].map((device) => `${folder}/${device}/${setting}`)];
  }
}

/** Undefined when the kernel has no such setting, or no longer. */
export function sysctlOrNothing(name: string): string | undefined {
  try {
    return readSysctl(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
