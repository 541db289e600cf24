// SPDX-License-Identifier: Apache-2.0
// Every problem of an object, not just the first: what was refused is taken out, and the rest is read again.
import { type DocumentPath, PolicyParseError } from "../errors.ts";
import type { ParsedPolicy } from "../types.ts";

/** An object that was read as far as possible. */
export interface ReadObject<T> {
  /** Undefined when it is refused. */
  readonly value: T | undefined;
  readonly errors: readonly LocatedError[];
}

/** A refusal, with its path in the object as given. */
export interface LocatedError {
  readonly error: PolicyParseError;
  readonly path: DocumentPath;
}

const maxErrors = 100;

/**
 * Reads an object with `read`, again and again without the list items and unknown fields that it refused before.
 * Errors of anything but PolicyParseError pass through.
 */
export function readAll<T = ParsedPolicy>(resource: unknown, read: (resource: unknown) => T): ReadObject<T> {
  const errors: LocatedError[] = [];
  const rest = new Remainder(resource);
  while (errors.length < maxErrors) {
    try {
      const value = read(rest.value);
      return { value: errors.length === 0 ? value : undefined, errors };
    } catch (error) {
      if (!(error instanceof PolicyParseError)) throw error;
      const path = rest.originalPath(error.segments);
      // What is missing now may be what was taken out.
      if (errors.some((earlier) => isPrefix(path, earlier.path))) break;
      errors.push({ error, path });
      if (!rest.takeOut(error)) break;
    }
  }
  return { value: undefined, errors };
}

/** An object that loses parts and still knows where the others stood. */
class Remainder {
  readonly value: unknown;
  /** Positions that the items of a list had at first. */
  readonly #positions = new WeakMap<readonly unknown[], number[]>();

  constructor(value: unknown) {
    this.value = structuredClone(value);
  }

  originalPath(path: DocumentPath): DocumentPath {
    let value = this.value;
    return path.map((part) => {
      const original =
        Array.isArray(value) && typeof part === "number" ? (this.#positionsOf(value)[part] ?? part) : part;
      value = childOf(value, part);
      return original;
    });
  }

  /** Takes out the field when it is unknown, else the innermost list item around it. False: there is nothing to take. */
  takeOut({ segments, reason }: PolicyParseError): boolean {
    if (reason === "unknown-field" || reason === "not-supported") return this.#deleteField(segments);
    const depth = segments.findLastIndex((part) => typeof part === "number");
    if (depth < 0) return false;
    const list = segments.slice(0, depth).reduce(childOf, this.value);
    const index = segments[depth];
    if (!Array.isArray(list) || typeof index !== "number") return false;
    this.#positionsOf(list).splice(index, 1);
    list.splice(index, 1);
    return true;
  }

  #deleteField(path: DocumentPath): boolean {
    const parent = path.slice(0, -1).reduce(childOf, this.value);
    const name = path.at(-1);
    if (typeof parent !== "object" || parent === null || typeof name !== "string") return false;
    return Object.hasOwn(parent, name) && Reflect.deleteProperty(parent, name);
  }

  #positionsOf(list: readonly unknown[]): number[] {
    const known = this.#positions.get(list) ?? list.map((_, index) => index);
    this.#positions.set(list, known);
    return known;
  }
}

function childOf(value: unknown, part: string | number): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
  return (value as Readonly<Record<string | number, unknown>>)[part];
}

function isPrefix(path: DocumentPath, other: DocumentPath): boolean {
  return path.length < other.length && path.every((part, index) => part === other[index]);
}
