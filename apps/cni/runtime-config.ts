// SPDX-License-Identifier: Apache-2.0
// What the runtime passes to plugins that declare a capability (CNI conventions): `mac`, `ips`, `portMappings`, `bandwidth`.
import { FormatError, ipFamily, parseMac, tryParseIp } from "../../src/core/index.ts";
import { invalid, type Json, list, object, shown, text } from "./config-fields.ts";

export interface RuntimeConfig {
  /** Undefined: any. */
  readonly mac?: string;
  /** Addresses without prefix lengths, at most one of each family. */
  readonly ips: readonly string[];
  /** A plugin behind this one acts on the device or on the node's stack: packets must not take short cuts past it. */
  readonly byStack: boolean;
  /** Whether the plugin `bandwidth` is to limit what the container sends. */
  readonly limitsSending: boolean;
}

/** Checks `runtimeConfig`. Throws CniError 7. */
export function readRuntimeConfig(json: Json): RuntimeConfig {
  const mac = text(json, "mac", "runtimeConfig.mac");
  const ips = list(json, "ips", "runtimeConfig.ips").map((ip) => addressOf(ip, "runtimeConfig.ips"));
  const portMappings = list(json, "portMappings", "runtimeConfig.portMappings");
  const bandwidth = object(json, "bandwidth", "runtimeConfig.bandwidth");
  return {
    ...(mac === undefined || mac === "" ? {} : { mac: macOf(mac, "runtimeConfig.mac") }),
    ips: oneOfEachFamily(ips),
    byStack: portMappings.length > 0 || Object.keys(bandwidth).length > 0,
    limitsSending: typeof bandwidth.egressRate === "number" && bandwidth.egressRate > 0,
  };
}

/** A unicast MAC in canonical form. Throws CniError 7. */
export function macOf(given: string, where: string): string {
  try {
    const mac = parseMac(given);
    if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 0) return mac;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
  throw invalid(`"${where}": "${given}" is not the MAC address of a device`);
}

/** The address of `ADDRESS` or `ADDRESS/LENGTH`. Throws CniError 7. */
export function addressOf(given: unknown, where: string): string {
  const address = typeof given === "string" ? tryParseIp(given.replace(/\/\d{1,3}$/, "")) : undefined;
  if (address === undefined) throw invalid(`"${where}": ${shown(given)} is not an address`);
  return address;
}

/** Throws CniError 7. */
export function oneOfEachFamily(ips: readonly string[]): readonly string[] {
  for (const family of [4, 6] as const) {
    const found = ips.filter((ip) => ipFamily(ip) === family);
    if (found.length > 1) {
      throw invalid(
        `${found.length} IPv${family} addresses (${found.join(", ")}), expected one of each family at most`,
      );
    }
  }
  return ips;
}
