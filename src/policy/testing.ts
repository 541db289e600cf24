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

/** The same pseudo-random numbers in [0, 1) for the same seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
