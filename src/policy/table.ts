// SPDX-License-Identifier: Apache-2.0
// The table of policies in force.
import { Table } from "../core/index.ts";
import type { Rule } from "./types.ts";

/** Where a policy came from. */
export type PolicySourceKind = "custom-resource" | "directory" | "api" | "kvstore" | "local";

/** One policy resource that was accepted. */
export interface PolicyRow {
  /** `kind/namespace/name`, the key. */
  readonly id: string;
  /** Of the Kubernetes object, else empty. */
  readonly uid: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** The object as given. */
  readonly resource: Readonly<Record<string, unknown>>;
  readonly rules: readonly Rule[];
  readonly source: PolicySourceKind;
  /** Of the engine, when this row came into force. */
  readonly revision: number;
}

/** A table by id, with the indexes `namespace` and `name` (`namespace/name`). */
export function createPolicyTable(): Table<PolicyRow, string> {
  return new Table<PolicyRow, string>({
    name: "policies",
    key: (row) => row.id,
    indexes: { namespace: (row) => row.namespace, name: (row) => `${row.namespace}/${row.name}` },
  });
}
