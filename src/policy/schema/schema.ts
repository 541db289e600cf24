// SPDX-License-Identifier: Apache-2.0
// Whether an API server would take an object that the engine takes.
import type { z } from "zod";
import type { DocumentPath } from "../errors.ts";
import { ciliumPolicySchema } from "./cilium.ts";
import { networkPolicySchema } from "./kubernetes.ts";

/** One difference between an object and its kind's schema. */
export interface SchemaProblem {
  readonly path: DocumentPath;
  /** What is expected there. */
  readonly expected: string;
}

/** Kinds whose parser is not stricter than the API server already. */
const schemas: ReadonlyMap<unknown, z.ZodType> = new Map<unknown, z.ZodType>([
  ["CiliumNetworkPolicy", ciliumPolicySchema],
  ["CiliumClusterwideNetworkPolicy", ciliumPolicySchema],
  ["NetworkPolicy", networkPolicySchema],
]);

/** Everything for which an API server would refuse the object; nothing for kinds without a schema of their own. */
export function schemaProblems(resource: unknown): readonly SchemaProblem[] {
  const kind = typeof resource === "object" && resource !== null && "kind" in resource ? resource.kind : undefined;
  const issues = schemas.get(kind)?.safeParse(resource).error?.issues ?? [];
  return issues.map(({ path, message }) => ({
    path: path.map((part) => (typeof part === "symbol" ? String(part) : part)),
    expected: message,
  }));
}
