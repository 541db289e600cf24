// SPDX-License-Identifier: Apache-2.0
// The base of all errors that someone catches, and the one border function for what was thrown.
import { oneLine } from "./one-line.ts";

/** What every error of the project may carry beside its message. */
export interface ErrorDetails {
  /** Stable word that callers may switch on, such as `ENOENT` or `CONFIG`. */
  readonly code?: string;
  readonly cause?: unknown;
}

/**
 * Base class of the project's errors. Messages follow one grammar:
 * `Cannot do X "name": REASON (what to do)`, no final period.
 */
export class CiliumError extends Error {
  readonly code: string;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code ?? "ERROR";
  }
}

/** A configuration that the program refuses to start with. One line: the key, what was found, what is allowed. */
export class ConfigError extends CiliumError {
  /** The offending key, without dashes. */
  readonly key: string;

  constructor(key: string, message: string, cause?: unknown) {
    super(oneLine(message), { code: "CONFIG", cause });
    this.key = oneLine(key, 100);
  }
}

/** Text that is not an address, prefix, MAC or label. */
export class FormatError extends CiliumError {
  constructor(message: string) {
    super(message, { code: "FORMAT" });
  }
}

/** Turns whatever was thrown into an Error; Errors pass through unchanged. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  if (typeof thrown === "string") return new CiliumError(thrown);
  return new CiliumError(`Unexpected value thrown: ${describe(thrown)}`, { cause: thrown });
}

/** The message of an error followed by those of its causes that add something, on one line. */
export function errorChain(thrown: unknown): string {
  const parts: string[] = [];
  let current: unknown = thrown;
  for (let depth = 0; current !== undefined && depth < 8; depth++) {
    const error = toError(current);
    if (!parts.some((part) => part.includes(error.message))) parts.push(error.message);
    current = error.cause;
  }
  return parts.join(": ");
}

function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
