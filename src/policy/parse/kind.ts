// SPDX-License-Identifier: Apache-2.0
// The shape of a kind of policy: what objects look like, and how their specs become rules.
import type { Rule } from "../types.ts";
import type { DocumentNode } from "./node.ts";
import type { SpecScope } from "./options.ts";

/** One kind. Each has a file in this folder and a line in policy.ts. */
export interface PolicyKind {
  readonly kind: string;
  readonly apiVersions: readonly string[];
  /** Whether objects live in a namespace (`default` when they name none). */
  readonly namespaced: boolean;
  /** Fields beside apiVersion, kind, metadata and status. */
  readonly fields: readonly string[];
  /** Reads the rules of an object. Throws PolicyParseError. */
  parse(node: DocumentNode, scope: SpecScope): readonly Rule[];
}
