// SPDX-License-Identifier: Apache-2.0
// What the parsers have to know beside the object.

/** Settings of the agent that decide what a policy may say and what its peers are narrowed to. */
export interface ParsePolicyOptions {
  /** File or other origin, for errors. */
  readonly origin?: string;
  /** Name of the local cluster. Default `default`; null: that too, and peers may live in any cluster. */
  readonly cluster?: string | null;
  /** Peers that name no cluster live in the local one (policy-default-local-cluster). Default true. */
  readonly policyDefaultLocalCluster?: boolean;
  /** fromNodes and toNodes may be used (enable-node-selector-labels). Default false. */
  readonly nodeSelectorLabels?: boolean;
  /** Whom CIDR rules match by address beside the world: `nodes`, `pods` (policy-cidr-match-mode). Default nobody. */
  readonly cidrMatchMode?: readonly string[];
  /** Take fields that are unknown or null for fields that are not there, as Cilium's engine does. Default false. */
  readonly lenient?: boolean;
}

/** Where a policy lives and what it may say, with the defaults filled in. */
export interface SpecScope {
  /** Empty: clusterwide. */
  readonly namespace: string;
  /** The cluster that peers are narrowed to; undefined: peers may live in any. */
  readonly peerCluster: string | undefined;
  readonly localCluster: string;
  readonly nodeSelectorLabels: boolean;
}

/** Fills in the defaults for a policy of a namespace. */
export function specScope(namespace: string, options: ParsePolicyOptions): SpecScope {
  const localCluster = options.cluster ?? "default";
  const narrowed = options.cluster !== null && options.policyDefaultLocalCluster !== false;
  return {
    namespace,
    peerCluster: narrowed ? localCluster : undefined,
    localCluster,
    nodeSelectorLabels: options.nodeSelectorLabels === true,
  };
}
