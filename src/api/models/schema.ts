// SPDX-License-Identifier: Apache-2.0
// How models are written: one zod schema each, from which the TypeScript type and the OpenAPI description come.
import { z } from "zod";

/** The type of a model: what its schema lets pass, readonly all the way down. */
export type Model<Schema extends z.ZodType> = Readonlied<z.output<Schema>>;

type Readonlied<T> = unknown extends T
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Readonlied<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Readonlied<T[Key]> }
      : T;

/** Bounded, since bodies of requests are checked with it too. */
export const text = z.string().max(4096);
/** Of any length: only in answers. */
export const longText = z.string();
/** Zero or more. */
export const count = z.int().min(0);
/** The field may be left out. */
export const optional = z.exactOptional;
export const texts = z.array(longText);
export const time = longText.describe("RFC 3339");
export const textMap = z.record(text, text);
