// SPDX-License-Identifier: Apache-2.0
// Reading fields of the network configuration; errors name the field and what was found.
import { CniError, cniCodes } from "./errors.ts";

export type Json = Readonly<Record<string, unknown>>;

/** Largest configuration, in characters. */
export const sizeLimit = 1024 * 1024;
/** A socket's path in bytes, as the kernel has it. */
const longestSocketPath = 107;

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

/** A text, or undefined. `shownAs`: the field's name in messages. */
export function text(json: Json, field: string, shownAs = field): string | undefined {
  const value = json[field];
  if (value === undefined || value === null || typeof value === "string") return value ?? undefined;
  throw invalid(`"${shownAs}" is not a string`);
}

/** An object; empty when it is not set. */
export function object(json: Json, field: string, shownAs = field): Json {
  const value = json[field] ?? {};
  if (isObject(value)) return value;
  throw invalid(`"${shownAs}" is not an object`);
}

/** A list; empty when it is not set. */
export function list(json: Json, field: string, shownAs = field): readonly unknown[] {
  const value = json[field] ?? [];
  if (Array.isArray(value)) return value;
  throw invalid(`"${shownAs}" is not a list`);
}

/** The path of a socket, also as `unix://…`; undefined when it is not set. */
export function socketPath(json: Json, field: string, shownAs = field): string | undefined {
  const given = text(json, field, shownAs);
  if (given === undefined || given === "") return undefined;
  const path = given.startsWith("unix://") ? given.slice("unix://".length) : given;
  if (!path.startsWith("/") || path.includes("\0")) throw invalid(`"${shownAs}": "${given}" is not an absolute path`);
  if (Buffer.byteLength(path) <= longestSocketPath) return path;
  throw invalid(`"${shownAs}" has more than ${longestSocketPath} bytes`);
}

/** A value in a message; objects and lists may be of any size and depth. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "a list" : "an object";
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** CniError 7. */
export function invalid(reason: string): CniError {
  return new CniError(cniCodes.invalidConfig, `Cannot use configuration: ${reason}`);
}

/** CniError 2. */
export function notSupported(field: string, value?: string): CniError {
  const what = value === undefined ? `"${field}"` : `"${field}": "${value}"`;
  return new CniError(cniCodes.unsupportedField, `Cannot use configuration: ${what} is not supported`);
}
