// SPDX-License-Identifier: Apache-2.0
// Short forms for this folder's tests.
import { Labels } from "../core/index.ts";
import type { PolicyIdentity } from "./types.ts";

/** Labels of a pod: `pod("default", "app=web")`. */
export function podLabelSet(namespace: string, ...labels: string[]): Labels {
  return Labels.parse([
    ...labels.map((label) => (label.includes(":") ? label : `k8s:${label}`)),
    `k8s:io.kubernetes.pod.namespace=${namespace}`,
    "k8s:io.cilium.k8s.policy.cluster=default",
  ]);
}

export function pod(id: number, namespace: string, ...labels: string[]): PolicyIdentity {
  return { id, labels: podLabelSet(namespace, ...labels) };
}

/** A CiliumNetworkPolicy. */
export function cnp(name: string, spec: unknown, namespace = "default"): Record<string, unknown> {
  return { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { name, namespace }, spec };
}

export function selector(...labels: string[]): { matchLabels: Record<string, string> } {
  return { matchLabels: Object.fromEntries(labels.map((label) => label.split("="))) };
}

export function tcp(...ports: (string | number)[]): { ports: { port: string; protocol: string }[] } {
  return { ports: ports.map((port) => ({ port: String(port), protocol: "TCP" })) };
}
