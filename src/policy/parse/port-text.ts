// SPDX-License-Identifier: Apache-2.0
// Ports as policies write them: numbers in Go's syntax, and names of container ports.
import { maxPort } from "../protocols.ts";
import type { PortMatch } from "../types.ts";

const namePattern = /^(?=.*[A-Za-z])[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/;
const maxNameLength = 15;

/**
 * A port number, or the name of a container port in lower case (an IANA service name, RFC 6335); undefined for what is
 * neither. Numbers are read as in Go: a leading 0 means octal, `_` may part digits.
 */
export function parsePortText(text: string): number | string | undefined {
  if (text.length <= maxNameLength && namePattern.test(text)) return text.toLowerCase();
  const digits = /^[0-9]+(_[0-9]+)*$/.test(text) ? text.replaceAll("_", "") : "";
  const isOctal = digits.length > 1 && digits.startsWith("0");
  if (digits === "" || (isOctal && /[89]/.test(digits))) return undefined;
  const value = Number.parseInt(digits, isOctal ? 8 : 10);
  return value > maxPort ? undefined : value;
}

/** Ports from `first` to `end`; an `end` below `first` does not count, and 0 alone is every port. */
export function portRange(protocols: readonly number[], first: number, end: number): PortMatch {
  if (first === 0 && end === 0) return { protocols, first: 0, last: maxPort };
  return { protocols, first, last: Math.max(first, end) };
}
