// SPDX-License-Identifier: Apache-2.0
// Checks what came from outside against a schema; whatever it is, the outcome is a value and never an exception.
import type { z } from "zod";
import { oneLine } from "./one-line.ts";

/** The checked value, or where it is wrong (`""`: as a whole) and how. */
export type Shape<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly where: string; readonly problem: string };

const longest = 200;

/**
 * As the schema's safeParse, which throws for some values: an object whose `length` or `toString` is no such thing runs
 * into its checks of size. Texts are bounded, since they repeat what was given.
 */
export function checkShape<Schema extends z.ZodType>(schema: Schema, value: unknown): Shape<z.infer<Schema>> {
  try {
    const result = schema.safeParse(value);
    if (result.success) return { ok: true, value: result.data };
    const issue = result.error.issues[0];
    const where = issue?.path.map(String).join(".") ?? "";
    return { ok: false, where: oneLine(where, longest), problem: oneLine(issue?.message ?? "invalid", longest) };
  } catch {
    return { ok: false, where: "", problem: "an object stands where a text or list is expected" };
  }
}

/** As checkShape, of JSON text that may have up to `maxLength` characters. */
export function checkJson<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  maxLength: number,
): Shape<z.infer<Schema>> {
  if (text.length > maxLength)
    return { ok: false, where: "", problem: `too large: ${text.length} characters, at most ${maxLength}` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, where: "", problem: "not JSON" };
  }
  return checkShape(schema, value);
}
