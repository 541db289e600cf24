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

/** What the kernel changes along with a setting of the namespace: that of each device, and other settings. */
interface Followers {
  readonly folder: string;
  readonly setting: string;
  readonly others: readonly string[];
}

const followers: Readonly<Record<string, Followers>> = {
  "net/ipv4/ip_forward": {
    folder: "net/ipv4/conf",
    setting: "forwarding",
    others: ["net/ipv4/conf/all/accept_redirects"],
  },
  "net/ipv6/conf/all/forwarding": { folder: "net/ipv6/conf", setting: "forwarding", others: [] },
  "net/ipv6/conf/all/disable_ipv6": { folder: "net/ipv6/conf", setting: "disable_ipv6", others: [] },
};

/** Settings of the whole namespace, and of `devices` (not ours), that ensureSysctls() may change. Pure. */
export function touchedSysctls(config: Families, devices: readonly string[]): readonly string[] {
  // The last one: health probes see to it that the agent may open ICMP sockets.
  return [...wantedSysctls(config, []).flatMap(followed), "net/ipv4/ping_group_range"];

  function followed([name]: readonly [string, string]): readonly string[] {
    const along = followers[name];
    if (along === undefined) return [name];
    const { folder, setting, others } = along;
    return [name, ...others, ...["default", ...devices].map((device) => `${folder}/${device}/${setting}`)];
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

/** What became of a setting when it was to be as before. */
export interface RestoredSysctl {
  readonly name: string;
  readonly before: string;
  /** Why it stays as it is. */
  readonly left?: string;
}

/**
 * Puts settings back to what they were, those of the namespace before those of single devices. What somebody else has
 * changed since stays, with all that follows it. Returns those that differed.
 */
export function restoreSysctls(before: ReadonlyMap<string, string>): readonly RestoredSysctl[] {
  const ours = new Map(wantedSysctls({ enableIpv4: true, enableIpv6: true }, []));
  const restored: RestoredSysctl[] = [];
  const foreign = new Set<string>();
  for (const name of ours.keys()) {
    const value = before.get(name);
    const now = value === undefined ? undefined : sysctlOrNothing(name);
    if (value === undefined || now === undefined || now === value) continue;
    const left = now === ours.get(name) ? reasonToLeave(name, value, before) : `somebody has set it to ${now}`;
    if (left === undefined) writeSysctl(name, value);
    else foreign.add(name);
    restored.push({ name, before: value, ...(left === undefined ? {} : { left }) });
  }
  for (const [name, value] of before) {
    const now =
      ours.has(name) || [...foreign].some((leader) => follows(leader, name)) ? undefined : sysctlOrNothing(name);
    if (now === undefined || now === value) continue;
    writeSysctl(name, value);
    restored.push({ name, before: value });
  }
  return restored;
}

/** Switching IPv6 off everywhere would take the addresses of devices that had it before. */
function reasonToLeave(name: string, value: string, before: ReadonlyMap<string, string>): string | undefined {
  if (name !== "net/ipv6/conf/all/disable_ipv6" || value === "0") return undefined;
  const devices = [...before].flatMap(([other, was]) => {
    const device = /^net\/ipv6\/conf\/(.+)\/disable_ipv6$/.exec(other)?.[1];
    return device !== undefined && device !== "all" && was === "0" && device !== "default" ? [device] : [];
  });
  return devices.length === 0 ? undefined : `the addresses of ${devices.join(", ")} would go`;
}

function follows(leader: string, name: string): boolean {
  const along = followers[leader];
  if (along === undefined) return false;
  const { folder, setting, others } = along;
  return others.includes(name) || (name.startsWith(`${folder}/`) && name.endsWith(`/${setting}`));
}
