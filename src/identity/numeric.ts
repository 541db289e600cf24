// SPDX-License-Identifier: Apache-2.0
// Identity numbers that have a fixed meaning, and what their ranges mean.

/** Numbers of the reserved identities, as Cilium has them. */
export const Identity = {
  /** No identity known; as the identity of a policy entry: any. */
  unknown: 0,
  host: 1,
  world: 2,
  unmanaged: 3,
  health: 4,
  init: 5,
  remoteNode: 6,
  kubeApiserver: 7,
  ingress: 8,
  worldIpv4: 9,
  worldIpv6: 10,
  aggregateCluster: 11,
  aggregateClusterMesh: 12,
  aggregateWorld: 13,
  aggregateRemoteNode: 14,
} as const;

/** Names of the reserved identities, without the source `reserved:`. */
export const reservedNames: ReadonlyMap<number, string> = new Map([
  [Identity.host, "host"],
  [Identity.world, "world"],
  [Identity.unmanaged, "unmanaged"],
  [Identity.health, "health"],
  [Identity.init, "init"],
  [Identity.remoteNode, "remote-node"],
  [Identity.kubeApiserver, "kube-apiserver"],
  [Identity.ingress, "ingress"],
  [Identity.worldIpv4, "world-ipv4"],
  [Identity.worldIpv6, "world-ipv6"],
  [Identity.aggregateCluster, "aggregate-cluster"],
  [Identity.aggregateClusterMesh, "aggregate-cluster-mesh"],
  [Identity.aggregateWorld, "aggregate-world"],
  [Identity.aggregateRemoteNode, "aggregate-remote-node"],
]);

/** What part of the network knows an identity: everywhere, or this node alone. */
export type IdentityScope = "cluster" | "local-cidr" | "remote-node";

/** Scope of a number, by its bits 24–31. Undefined for scopes that do not exist. */
export function identityScope(id: number): IdentityScope | undefined {
  switch (id >>> 24) {
    case 0:
      return "cluster";
    case 1:
      return "local-cidr";
    case 2:
      return "remote-node";
    default:
      return undefined;
  }
}

/** Whether a number belongs to the reserved identities (not: well-known or user-reserved ones). */
export function isReservedIdentity(id: number): boolean {
  return reservedNames.has(id);
}
