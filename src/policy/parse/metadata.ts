// SPDX-License-Identifier: Apache-2.0
// The metadata of an object: its name, and what annotations ask for.
import type { DocumentNode } from "./node.ts";

/** Makes a policy of any kind staged: its verdicts are computed beside the enforced ones and change nothing. */
const stagedAnnotation = "policy.cilium.io/staged";
/** Puts a policy of any kind into audit mode: what it alone denies is reported and passes. */
export const auditAnnotation = "policy.cilium.io/audit";

export interface PolicyMetadata {
  /** Empty for kinds without namespaces. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string | undefined;
  readonly staged: boolean;
  readonly audit: boolean;
}

const namePattern = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const namespacePattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Reads metadata; fields that say nothing about policy are not looked at. */
export function parseMetadata(node: DocumentNode, namespaced: boolean): PolicyMetadata {
  node.entries();
  const uid = node.field("uid");
  const annotations = node.field("annotations");
  if (annotations.present) annotations.entries();
  return {
    name: parseName(node.field("name")),
    namespace: namespaced ? parseNamespace(node.field("namespace")) : "",
    uid: uid.present ? uid.string() : undefined,
    staged: parseFlag(annotations.field(stagedAnnotation)),
    audit: parseFlag(annotations.field(auditAnnotation)),
  };
}

function parseName(node: DocumentNode): string {
  const name = node.string("name-missing");
  if (name.length <= 253 && namePattern.test(name)) return name;
  throw node.fail("name-missing", "a name (a-z, 0-9, - and ., at most 253 characters)");
}

function parseNamespace(node: DocumentNode): string {
  const namespace = node.present ? node.string() : "default";
  if (namespace.length <= 63 && namespacePattern.test(namespace)) return namespace;
  throw node.fail("bad-type", "a namespace (a-z, 0-9 and -, at most 63 characters)");
}

function parseFlag(node: DocumentNode): boolean {
  if (!node.present || node.value === "false") return false;
  if (node.value === "true") return true;
  throw node.fail("bad-type", '"true" or "false"');
}
