// SPDX-License-Identifier: Apache-2.0
// Short forms for this folder's tests.
import assert from "node:assert/strict";
import { Labels } from "../../../core/index.ts";
import { PolicyParseError } from "../../errors.ts";
import { matchesSelector } from "../../selectors/match.ts";
import type { Peer, Rule, Selector } from "../../types.ts";
import { DocumentNode } from "../node.ts";
import type { KubernetesPolicyKind, KubernetesScope } from "./types.ts";

/** The one rule of a spec in namespace `default` of cluster `default`. */
export function ruleOf(kind: KubernetesPolicyKind, spec: unknown, scope: Partial<KubernetesScope> = {}): Rule {
  const whole = { namespace: "default", peerCluster: "default", nodeSelectorLabels: false, ...scope };
  const [rule, second] = kind.parseSpec(new DocumentNode(spec, ["spec"]), whole);
  assert.ok(rule !== undefined && second === undefined);
  return rule;
}

/** Asserts that the spec is refused, with this message after the policy's name. */
export function assertRefused(kind: KubernetesPolicyKind, spec: unknown, message: RegExp, reason: string): void {
  assert.throws(
    () => ruleOf(kind, spec),
    (error) => {
      assert.ok(error instanceof PolicyParseError, String(error));
      assert.match(error.message, message);
      assert.equal(error.reason, reason, error.message);
      return true;
    },
  );
}

/** Which of the named label sets some peer selects. */
export function selectedBy(
  peers: readonly Peer[] | undefined,
  world: Readonly<Record<string, readonly string[]>>,
): string[] {
  const selectors = (peers ?? []).filter((peer): peer is Selector => !("kind" in peer));
  const names = Object.keys(world);
  return names.filter((name) => selectors.some((peer) => matchesSelector(peer, Labels.parse(world[name] ?? []))));
}

const podIn = (namespace: string, cluster: string, ...labels: readonly string[]) => [
  ...labels.map((label) => `k8s:${label}`),
  `k8s:io.kubernetes.pod.namespace=${namespace}`,
  `k8s:io.cilium.k8s.namespace.labels.env=${namespace}`,
  `k8s:io.cilium.k8s.policy.cluster=${cluster}`,
];

/** Identities to try selectors on. */
export const world = {
  api: podIn("default", "default", "app=api"),
  db: podIn("default", "default", "app=db"),
  "dev/api": podIn("dev", "default", "app=api"),
  "dev/db": podIn("dev", "default", "app=db"),
  "east/api": podIn("default", "east", "app=api"),
  host: ["reserved:host"],
  node: ["reserved:remote-node", "node:zone=b", "k8s:io.cilium.k8s.policy.cluster=default"],
  outside: ["cidr:10.1.2.3/32", "reserved:world-ipv4"],
  example: ["fqdn:**.example.com", "reserved:world-ipv4"],
} as const;
