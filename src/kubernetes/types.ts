// SPDX-License-Identifier: Apache-2.0
// Rows of objects in Kubernetes' form, whichever source they came from.

/** A Kubernetes object as given, with its coordinates taken out. */
export interface ResourceRow {
  /** `kind/namespace/name`, namespace empty for cluster-scoped kinds. */
  readonly id: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** The whole object. Never changed in place. */
  readonly object: Readonly<Record<string, unknown>>;
  /** Where it came from, for errors: a file with its document number, or the API. */
  readonly origin: string;
}

/** A file (or part of one) that was not taken, and why. */
export interface ManifestError {
  readonly file: string;
  readonly message: string;
}

/** Kinds without a namespace. */
const clusterScopedKinds: ReadonlySet<string> = new Set([
  "Namespace",
  "Node",
  "CiliumClusterwideNetworkPolicy",
  "ClusterNetworkPolicy",
  "CiliumNode",
  "CiliumIdentity",
  "CiliumCIDRGroup",
]);

/** The key of a resource row. */
export function resourceId(kind: string, namespace: string, name: string): string {
  return `${kind}/${clusterScopedKinds.has(kind) ? "" : namespace}/${name}`;
}
