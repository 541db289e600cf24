// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Labels } from "../../core/index.ts";
import { matchesSelector } from "../selectors/match.ts";
import { podLabelSet } from "../testing.ts";
import type { Selector } from "../types.ts";
import { DocumentNode } from "./node.ts";
import { scopePeer, scopeSubject } from "./scope.ts";
import { parseSelector } from "./selector.ts";

const scope = {
  namespace: "default",
  peerCluster: "default",
  localCluster: "default",
  nodeSelectorLabels: false,
  selectsInit: false,
};
const subject = (value: unknown): Selector => scopeSubject(parseSelector(new DocumentNode(value)), scope);
const peer = (value: unknown): Selector => scopePeer(parseSelector(new DocumentNode(value)), scope);
const own = podLabelSet("default", "app=web");
const other = podLabelSet("prod", "app=web");
const east = Labels.parse([
  "k8s:app=web",
  "k8s:io.kubernetes.pod.namespace=default",
  "k8s:io.cilium.k8s.policy.cluster=east",
]);
const namespace = "io.kubernetes.pod.namespace";
const cluster = "io.cilium.k8s.policy.cluster";

describe("a subject", () => {
  test("{} is every pod of the policy's namespace and no other", () => {
    assert.equal(matchesSelector(subject({}), own), true);
    assert.equal(matchesSelector(subject({}), other), false);
    assert.equal(matchesSelector(subject({}), Labels.parse(["reserved:host"])), false);
  });

  test("threats: a policy cannot select pods of another namespace", () => {
    const attempts = [
      { matchLabels: { [`k8s:${namespace}`]: "prod" } },
      { matchLabels: { [namespace]: "prod" } },
      { matchLabels: { [`any:${namespace}`]: "prod" } },
      { matchLabels: { "k8s:io.cilium.k8s.namespace.labels.env": "prod" } },
      { matchExpressions: [{ key: `k8s:${namespace}`, operator: "In", values: ["prod"] }] },
      { matchExpressions: [{ key: `k8s:${namespace}`, operator: "In", values: ["prod", "default"] }] },
      { matchExpressions: [{ key: `k8s:${namespace}`, operator: "NotIn", values: ["default"] }] },
      { matchExpressions: [{ key: "reserved:host", operator: "DoesNotExist" }] },
      { matchExpressions: [{ key: namespace, operator: "Exists" }] },
    ];
    const prod = other.with(Labels.parse(["k8s:io.cilium.k8s.namespace.labels.env=prod"]));
    for (const attempt of attempts) {
      assert.equal(matchesSelector(subject(attempt), prod), false, JSON.stringify(attempt));
      assert.equal(matchesSelector(subject(attempt), Labels.parse(["reserved:host"])), false, JSON.stringify(attempt));
    }
  });

  test("a k8s namespace label is overwritten, a bare one and an expression stay and then select nothing", () => {
    assert.equal(matchesSelector(subject({ matchLabels: { [`k8s:${namespace}`]: "prod", app: "web" } }), own), true);
    assert.equal(matchesSelector(subject({ matchLabels: { [namespace]: "prod", app: "web" } }), own), false);
    const expression = { matchExpressions: [{ key: `k8s:${namespace}`, operator: "In", values: ["prod"] }] };
    assert.equal(matchesSelector(subject(expression), own), false);
  });
});

describe("a peer", () => {
  test("without a namespace key lives in the policy's namespace and the local cluster", () => {
    const selector = peer({ matchLabels: { app: "web" } });
    assert.equal(matchesSelector(selector, own), true);
    assert.equal(matchesSelector(selector, other), false);
    assert.equal(matchesSelector(selector, east), false);
    assert.equal(matchesSelector(peer({}), Labels.parse(["reserved:host"])), false);
    assert.equal(matchesSelector(peer({}), Labels.parse(["reserved:world"])), false);
  });

  test("with a namespace key, bare or with prefix, lives there", () => {
    for (const key of [namespace, `k8s:${namespace}`, `any:${namespace}`]) {
      const selector = peer({ matchLabels: { [key]: "prod" } });
      assert.equal(matchesSelector(selector, other), true, key);
      assert.equal(matchesSelector(selector, own), false, key);
      assert.equal(matchesSelector(peer({ matchExpressions: [{ key, operator: "Exists" }] }), other), true, key);
    }
  });

  test("with a label of namespaces lives in any namespace that has it", () => {
    const labelled = other.with(Labels.parse(["k8s:io.cilium.k8s.namespace.labels.env=prod"]));
    for (const prefix of ["", "k8s:", "any:"]) {
      const selector = peer({ matchLabels: { [`${prefix}io.cilium.k8s.namespace.labels.env`]: "prod" } });
      assert.equal(matchesSelector(selector, labelled), true, prefix);
      assert.equal(matchesSelector(selector, other), false, prefix);
    }
  });

  test("keeps the cluster with a namespace key, lifts it with a cluster key", () => {
    assert.equal(matchesSelector(peer({ matchLabels: { [namespace]: "default" } }), east), false);
    assert.equal(matchesSelector(peer({ matchLabels: { [cluster]: "east" } }), east), true);
    assert.equal(
      matchesSelector(peer({ matchExpressions: [{ key: `k8s:${cluster}`, operator: "Exists" }] }), east),
      true,
    );
    assert.equal(
      matchesSelector(scopePeer(parseSelector(new DocumentNode({})), { ...scope, peerCluster: undefined }), east),
      true,
    );
  });

  test("with a reserved key has no scope at all", () => {
    const host = Labels.parse(["reserved:host"]);
    assert.equal(matchesSelector(peer({ matchLabels: { "reserved:host": "" } }), host), true);
    assert.equal(
      matchesSelector(peer({ matchExpressions: [{ key: "reserved:host", operator: "Exists" }] }), host),
      true,
    );
    assert.equal(
      matchesSelector(peer({ matchExpressions: [{ key: "reserved:host", operator: "DoesNotExist" }] }), other),
      true,
    );
  });

  test("threats: keys that only look like namespace keys, or come from another source, lift nothing", () => {
    const crafted = other.with(
      Labels.parse([
        "k8s:io.cilium.k8s.namespace.labelsX=a",
        "container:io.kubernetes.pod.namespace=a",
        "k8s:reserved=host",
      ]),
    );
    for (const key of ["io.cilium.k8s.namespace.labelsX", `container:${namespace}`]) {
      assert.equal(matchesSelector(peer({ matchLabels: { [key]: "a" } }), crafted), false, key);
    }
    assert.equal(matchesSelector(peer({ matchLabels: { reserved: "host" } }), crafted), false);
    assert.equal(matchesSelector(peer({ matchLabels: { "reserved:host": "" } }), crafted), false);
    const faked = Labels.parse([
      "k8s:app=web",
      "container:io.kubernetes.pod.namespace=default",
      "k8s:io.cilium.k8s.policy.cluster=default",
    ]);
    assert.equal(matchesSelector(peer({ matchLabels: { app: "web" } }), faked), false);
    assert.equal(matchesSelector(subject({}), faked), false);
  });
});

test("sources: k8s and any match, another does not", () => {
  const match = (key: string) => matchesSelector(subject({ matchLabels: { [key]: "web" } }), own);
  assert.deepEqual(
    [match("app"), match("any:app"), match("k8s:app"), match("container:app")],
    [true, true, true, false],
  );
});
