// SPDX-License-Identifier: Apache-2.0
// A cluster's identities and policies: namespaces of apps, each app with policies of five kinds.
import { Labels } from "../../src/core/index.ts";

export interface ClusterSize {
  readonly namespaces: number;
  /** In each namespace; each is one identity. */
  readonly apps: number;
  /** Of each app. */
  readonly policies: number;
}

const teams = 20;

/** Identities are numbered from here. */
export const firstIdentity = 1000;

/** Security-relevant labels of an app's pods. */
export function appLabels(namespace: number, app: number): Labels {
  return Labels.parse([
    `k8s:app=app${app}`,
    `k8s:tier=tier${app % 4}`,
    `k8s:team=team${(namespace + app) % teams}`,
    `k8s:io.kubernetes.pod.namespace=ns${namespace}`,
    "k8s:io.cilium.k8s.policy.cluster=default",
  ]);
}

export function identityOf({ apps }: ClusterSize, namespace: number, app: number): number {
  return firstIdentity + namespace * apps + app;
}

export function* identities(size: ClusterSize): Iterable<{ readonly id: number; readonly labels: Labels }> {
  for (let namespace = 0; namespace < size.namespaces; namespace++) {
    for (let app = 0; app < size.apps; app++) {
      yield { id: identityOf(size, namespace, app), labels: appLabels(namespace, app) };
    }
  }
}

/** A policy object of an app; its ports depend on `kind` alone. */
export function policyOf({ apps, namespaces }: ClusterSize, namespace: number, app: number, kind: number): object {
  const subject = { endpointSelector: { matchLabels: { app: `app${app}` } } };
  const name = `app${app}-${kind}`;
  const tcp = (port: number) => [{ ports: [{ port: String(port), protocol: "TCP" }] }];
  const other = `ns${(namespace + kind + 1) % namespaces}`;
  const specs = [
    { ingress: [{ fromEndpoints: [{ matchLabels: { app: `app${(app + 1) % apps}` } }], toPorts: tcp(8080) }] },
    {
      ingress: [
        { fromEndpoints: [{ matchLabels: { "k8s:io.kubernetes.pod.namespace": other } }], toPorts: tcp(9000 + kind) },
      ],
    },
    { egress: [{ toEndpoints: [{ matchLabels: { tier: `tier${kind % 4}` } }], toPorts: tcp(5432) }] },
    { egress: [{ toEndpoints: [{}], toPorts: [{ ports: [{ port: "53", protocol: "ANY" }] }] }] },
    {
      ingress: [
        {
          fromEndpoints: [
            {
              matchLabels: { team: `team${app % teams}` },
              matchExpressions: [{ key: "k8s:io.kubernetes.pod.namespace", operator: "Exists" }],
            },
          ],
          toPorts: [{ ports: [{ port: "9090", endPort: 9099, protocol: "TCP" }] }],
        },
      ],
    },
  ];
  return {
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: { name, namespace: `ns${namespace}` },
    spec: { ...subject, ...specs[kind % specs.length] },
  };
}

export function* policies(size: ClusterSize): Iterable<object> {
  for (let namespace = 0; namespace < size.namespaces; namespace++) {
    for (let app = 0; app < size.apps; app++) {
      for (let kind = 0; kind < size.policies; kind++) yield policyOf(size, namespace, app, kind);
    }
  }
}
