// SPDX-License-Identifier: Apache-2.0
// Kernel settings under /proc/sys. net.* belongs to a namespace: the one of the thread that opens the file.
import { readFileSync, writeFileSync } from "node:fs";
import { type Netns, withNetns } from "./netns.ts";

/** Reads e.g. "net.ipv4.ip_forward", or "net/ipv4/conf/eth0.1/rp_filter" where a name holds dots. */
export function readSysctl(name: string, netns?: Netns): string {
  if (netns !== undefined) return withNetns(netns, () => readSysctl(name));
  return readFileSync(sysctlPath(name), "utf8").trim();
}

/** Writes a setting; throws ENOENT when the kernel does not have it. */
export function writeSysctl(name: string, value: string | number, netns?: Netns): void {
  if (netns !== undefined) withNetns(netns, () => write(name, value));
  else write(name, value);
}

function write(name: string, value: string | number): void {
  writeFileSync(sysctlPath(name), String(value), { flag: "r+" });
}

/** The file of a setting. */
function sysctlPath(name: string): string {
  return `/proc/sys/${name.includes("/") ? name : name.replaceAll(".", "/")}`;
}
