// SPDX-License-Identifier: Apache-2.0
// The capabilities that the agent runs with: those that it needs, and a warning for each one more.
import { readFileSync } from "node:fs";
import { CiliumError } from "../../src/core/index.ts";

/** What the agent needs, by number (capability.h): devices, routes and tc; namespaces, mounts and bpf. */
const neededCapabilities: ReadonlyMap<number, string> = new Map([
  [12, "CAP_NET_ADMIN"],
  [21, "CAP_SYS_ADMIN"],
]);

/**
 * Numbers of the capabilities that this process has beyond what it needs, from the text of its status file. Throws,
 * naming them, when needed ones are missing.
 */
export function superfluousCapabilities(status = readFileSync("/proc/self/status", "utf8")): readonly number[] {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const present = Array.from({ length: 64 }, (_, number) => number).filter((number) => (mask >> BigInt(number)) & 1n);
  const missing = [...neededCapabilities].filter(([number]) => !present.includes(number)).map(([, name]) => name);
  if (missing.length > 0) {
    throw new CiliumError(`Cannot start without ${missing.join(" and ")} (run as root, or give the process these)`);
  }
  return present.filter((number) => !neededCapabilities.has(number));
}
