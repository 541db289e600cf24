// SPDX-License-Identifier: Apache-2.0
// The shape of a policy kind of Kubernetes' own.
import type { Rule } from "../../types.ts";
import type { DocumentNode } from "../node.ts";

/** Where a policy lives, and what the agent's configuration lets it say. */
export interface KubernetesScope {
  /** Empty: clusterwide. */
  readonly namespace: string;
  /** The cluster that peers are narrowed to; undefined: none. */
  readonly peerCluster: string | undefined;
  /** Whether nodes have identities by their labels (`enable-node-selector-labels`). */
  readonly nodeSelectorLabels: boolean;
}

/** One kind. Each has a file in this folder and a line in index.ts. */
export interface KubernetesPolicyKind {
  readonly kind: string;
  readonly apiVersion: string;
  readonly namespaced: boolean;
  /** Reads the field `spec`, which may be missing. Throws PolicyParseError. */
  parseSpec(spec: DocumentNode, scope: KubernetesScope): readonly Rule[];
}
