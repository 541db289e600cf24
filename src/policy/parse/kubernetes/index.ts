// SPDX-License-Identifier: Apache-2.0
// Kubernetes' own policy kinds.
import { clusterNetworkPolicy } from "./cluster-network-policy.ts";
import { networkPolicy } from "./network-policy.ts";
import type { KubernetesPolicyKind } from "./types.ts";

export type { KubernetesPolicyKind, KubernetesScope } from "./types.ts";

export const kubernetesKinds: readonly KubernetesPolicyKind[] = [networkPolicy, clusterNetworkPolicy];
