// SPDX-License-Identifier: Apache-2.0
// The network configuration on stdin.
import { defaultAgentSocket, type IpamQuery } from "../../src/api/index.ts";
import { CniError, cniCodes } from "./errors.ts";
import { type CniVersion, parseVersion } from "./versions.ts";

export interface PluginConfig {
  readonly cniVersion: CniVersion;
  readonly name: string;
  readonly agentSocket: string;
  /** MTU of pods' devices; 0: the agent's. */
  readonly mtu: number;
  /** IPAM pool, "default" unless `ipam.pool` says otherwise. */
  readonly pool: NonNullable<IpamQuery["pool"]>;
  /** Undefined: no log file. */
  readonly logFile?: string;
  readonly debug: boolean;
  /** As given; undefined when there is none. */
  readonly prevResult?: unknown;
}

type Json = Readonly<Record<string, unknown>>;

/** Largest configuration, in characters. */
export const sizeLimit = 1024 * 1024;
/** A socket's path in bytes, as the kernel has it. */
const longestSocketPath = 107;

/** Fields of other modes of Cilium's plugin, which this one does not have. */
const unsupported = ["eni", "azure", "alibaba-cloud"];

/** The configuration as JSON, before anything is checked. Throws CniError 6. */
export function decodeConfig(text: string): Json {
  if (text.length > sizeLimit) throw new CniError(cniCodes.decode, "Cannot read configuration: more than 1 MiB");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const what = text.trim() === "" ? "stdin is empty" : error instanceof Error ? error.message : "not JSON";
    throw new CniError(cniCodes.decode, `Cannot read configuration: ${what}`);
  }
  if (isObject(value)) return value;
  throw new CniError(cniCodes.decode, "Cannot read configuration: not a JSON object");
}

/** Checks the configuration. Throws CniError 1 (version), 2 (unsupported field) or 7 (invalid). */
export function parseConfig(json: Json): PluginConfig {
  const cniVersion = parseVersion(json.cniVersion);
  const name = text(json, "name") ?? "";
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    throw invalid(name === "" ? '"name" is not set' : `"name": "${name}" is not letters, digits, "_", "." and "-"`);
  }
  if (text(json, "type") === undefined) throw invalid('"type" is not set');
  for (const field of unsupported) {
    if (json[field] !== undefined) throw notSupported(field);
  }
  const chaining = text(json, "chaining-mode") ?? "none";
  if (chaining !== "none" && chaining !== "") throw notSupported("chaining-mode", chaining);
  const ipam = object(json, "ipam");
  const mode = text(ipam, "type", "ipam.type") ?? "";
  if (mode !== "" && mode !== "cilium") throw notSupported("ipam.type", mode);
  const logFile = text(json, "log-file");
  return {
    cniVersion,
    name,
    agentSocket: socketPath(text(json, "agent-socket")),
    mtu: mtuOf(json.mtu),
    pool: text(ipam, "pool", "ipam.pool") ?? "default",
    ...(logFile === undefined || logFile === "" ? {} : { logFile }),
    debug: json["enable-debug"] === true,
    ...(json.prevResult === undefined || json.prevResult === null ? {} : { prevResult: json.prevResult }),
  };
}

function socketPath(given: string | undefined): string {
  if (given === undefined || given === "") return defaultAgentSocket;
  const path = given.startsWith("unix://") ? given.slice("unix://".length) : given;
  if (!path.startsWith("/") || path.includes("\0")) {
    throw invalid(`"agent-socket": "${given}" is not an absolute path`);
  }
  if (Buffer.byteLength(path) <= longestSocketPath) return path;
  throw invalid(`"agent-socket" has more than ${longestSocketPath} bytes`);
}

function mtuOf(value: unknown): number {
  if (value === undefined || value === null || value === 0) return 0;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1280 && value <= 65535) return value;
  throw invalid(`"mtu": ${shown(value)} is not 0 or 1280 to 65535`);
}

function text(json: Json, field: string, shown = field): string | undefined {
  const value = json[field];
  if (value === undefined || value === null || typeof value === "string") return value ?? undefined;
  throw invalid(`"${shown}" is not a string`);
}

function object(json: Json, field: string): Json {
  const value = json[field] ?? {};
  if (isObject(value)) return value;
  throw invalid(`"${field}" is not an object`);
}

/** A value in a message; objects and lists may be of any size and depth. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "a list" : "an object";
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(reason: string): CniError {
  return new CniError(cniCodes.invalidConfig, `Cannot use configuration: ${reason}`);
}

function notSupported(field: string, value?: string): CniError {
  const shown = value === undefined ? `"${field}"` : `"${field}": "${value}"`;
  return new CniError(cniCodes.unsupportedField, `Cannot use configuration: ${shown} is not supported`);
}
