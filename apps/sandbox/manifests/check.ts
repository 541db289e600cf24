// SPDX-License-Identifier: Apache-2.0
// Compares an object with the shape its kind must have, and says where they differ.
import type { z } from "zod";
import type { ResourceRow } from "../../../src/kubernetes/index.ts";
import { formatPath } from "../../../src/policy/index.ts";
import { SandboxError } from "../errors.ts";

/** Throws for the first difference: file, document, path, what was found, what was expected. */
export function checkShape(row: ResourceRow, shape: z.ZodType): void {
  const result = shape.safeParse(row.object);
  const issue = result.error?.issues[0];
  if (issue === undefined) return;
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  refuse(row, path, issue.message);
}

/** The error of a value that is not what was expected. */
export function refuse(row: ResourceRow, path: readonly (string | number)[], expected: string): never {
  const found = path.reduce<unknown>(
    (value, part) => (value as Record<string, unknown> | undefined)?.[part],
    row.object,
  );
  const text = found === undefined ? "nothing" : (JSON.stringify(found) ?? String(found)).slice(0, 80);
  throw new SandboxError(`Cannot use ${row.origin}: ${formatPath(path)} is ${text}, expected ${expected}`);
}
