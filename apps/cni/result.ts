// SPDX-License-Identifier: Apache-2.0
// The result of ADD in the shape of each version of the specification, and what CHECK reads from it.
import { tryParseIp } from "../../src/core/index.ts";
import { CniError, cniCodes } from "./errors.ts";
import { type CniVersion, isAtLeast } from "./versions.ts";

export interface PodAddress {
  readonly family: 4 | 6;
  readonly address: string;
  readonly gateway: string;
}

/** What ADD did. */
export interface Attached {
  readonly hostInterface: string;
  readonly hostMac: string;
  readonly interfaceName: string;
  readonly mac: string;
  readonly netns: string;
  readonly addresses: readonly PodAddress[];
  /** 0: default. */
  readonly deviceMtu: number;
  readonly routeMtu: number;
}

/** The JSON of a result. 0.1.0 and 0.2.0 know one address a family, 0.3.0 on interfaces, 1.0.0 on no `version`. */
export function formatResult(version: CniVersion, attached: Attached): Record<string, unknown> {
  if (!isAtLeast(version, "0.3.0")) return oldResult(version, attached);
  const withMtu = isAtLeast(version, "1.1.0");
  const mtu = withMtu && attached.deviceMtu > 0 ? { mtu: attached.deviceMtu } : {};
  return {
    cniVersion: version,
    interfaces: [
      { name: attached.hostInterface, mac: attached.hostMac, ...mtu },
      { name: attached.interfaceName, mac: attached.mac, ...mtu, sandbox: attached.netns },
    ],
    ips: attached.addresses.map((address) => ({
      ...(isAtLeast(version, "1.0.0") ? {} : { version: String(address.family) }),
      interface: 1,
      address: prefixOf(address),
      gateway: address.gateway,
    })),
    routes: attached.addresses.flatMap((address) => routesOf(address, withMtu ? attached.routeMtu : 0)),
    dns: {},
  };
}

function oldResult(version: CniVersion, attached: Attached): Record<string, unknown> {
  const part = (family: 4 | 6): Record<string, unknown> => {
    const address = attached.addresses.find((candidate) => candidate.family === family);
    if (address === undefined) return {};
    const value = { ip: prefixOf(address), gateway: address.gateway, routes: routesOf(address, 0) };
    return { [`ip${family}`]: value };
  };
  return { cniVersion: version, ...part(4), ...part(6), dns: {} };
}

function routesOf({ family, gateway }: PodAddress, mtu: number): Record<string, unknown>[] {
  const [link, all] = family === 4 ? [`${gateway}/32`, "0.0.0.0/0"] : [`${gateway}/128`, "::/0"];
  return [{ dst: link }, { dst: all, gw: gateway, ...(mtu > 0 ? { mtu } : {}) }];
}

function prefixOf({ family, address }: PodAddress): string {
  return `${address}/${family === 4 ? 32 : 128}`;
}

/** What a previous result says about an interface inside the container. */
export interface ExpectedInterface {
  readonly mac?: string;
  /** Without prefix lengths. */
  readonly addresses: readonly string[];
}

/** Reads `prevResult` for the interface that CHECK is about. Throws CniError 7. */
export function readPreviousResult(prevResult: unknown, interfaceName: string): ExpectedInterface {
  const result = asObject(prevResult, "prevResult");
  const interfaces = asList(result.interfaces, "interfaces").map((item) => asObject(item, "interfaces"));
  const index = interfaces.findIndex((item) => item.name === interfaceName && (item.sandbox ?? "") !== "");
  const found = interfaces[index];
  if (found === undefined) throw invalid(`no interface "${interfaceName}" with a sandbox in it`);
  const addresses = asList(result.ips, "ips")
    .map((item) => asObject(item, "ips"))
    .filter((item) => item.interface === undefined || item.interface === index)
    .map((item) => addressOf(item.address));
  return { addresses, ...(typeof found.mac === "string" && found.mac !== "" ? { mac: found.mac } : {}) };
}

/**
 * The result of the plugin before as our answer, in the version of the configuration. What it left out of the interface's
 * MAC and namespace is filled in: some runtimes take no result without.
 */
export function completePreviousResult(
  prevResult: unknown,
  cniVersion: CniVersion,
  known: { readonly interfaceName: string; readonly mac: string; readonly netns: string },
): Record<string, unknown> {
  const result = asObject(prevResult, "prevResult");
  const interfaces = asList(result.interfaces, "interfaces").map((item) => {
    const entry = asObject(item, "interfaces");
    if (entry.name !== known.interfaceName || (entry.sandbox ?? "") === "") return entry;
    return { ...entry, mac: known.mac, sandbox: known.netns };
  });
  return { ...result, cniVersion, interfaces };
}

function addressOf(value: unknown): string {
  const address = typeof value === "string" ? tryParseIp(value.split("/")[0] ?? "") : undefined;
  if (address === undefined) throw invalid('"ips" has an item without an address');
  return address;
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(`"${what}" is not an object`);
}

function asList(value: unknown, what: string): unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw invalid(`"${what}" is not a list`);
}

function invalid(reason: string): CniError {
  return new CniError(cniCodes.invalidConfig, `Cannot read prevResult: ${reason}`);
}
