// SPDX-License-Identifier: Apache-2.0
// Checking what comes in against its model; unknown fields are refused by name.
import type { z } from "zod";
import { checkShape } from "../core/index.ts";
import { ApiError } from "./errors.ts";

/** Checks a body; ApiError 400 names the field and what was expected. */
export function checkBody<Schema extends z.ZodType>(schema: Schema, body: unknown, what: string): z.infer<Schema> {
  const result = checkShape(schema, body);
  if (result.ok) return result.value;
  const where = result.where === "" ? "" : ` field "${result.where}"`;
  throw new ApiError(400, `Cannot read ${what}${where}: ${result.problem}`);
}
