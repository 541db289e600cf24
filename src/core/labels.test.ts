// SPDX-License-Identifier: Apache-2.0
// Labels, label sets, the identity filter, and the labels of pods.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defaultLabelFilter,
  FormatError,
  formatLabel,
  Labels,
  makeLabel,
  parseLabel,
  parseLabelFilter,
  podLabels,
} from "./index.ts";

test("parseLabel() splits source, key and value", () => {
  assert.deepEqual(parseLabel("k8s:org=empire"), { source: "k8s", key: "org", value: "empire" });
  assert.deepEqual(parseLabel("reserved:host"), { source: "reserved", key: "host", value: "" });
  assert.deepEqual(parseLabel("org=empire"), { source: "unspec", key: "org", value: "empire" });
  assert.deepEqual(parseLabel("org", "any"), { source: "any", key: "org", value: "" });
  assert.deepEqual(parseLabel("url=http://a:80"), { source: "unspec", key: "url", value: "http://a:80" });
  assert.deepEqual(parseLabel("cidr:10.0.0.0/8"), { source: "cidr", key: "10.0.0.0/8", value: "" });
  assert.deepEqual(parseLabel("k8s:a=b=c"), { source: "k8s", key: "a", value: "b=c" });
});

test("parseLabel() refuses what could not be told apart in a set's string", () => {
  for (const text of [
    "",
    ":",
    ":a=b",
    "k8s:",
    "k8s:=x",
    "k8s:a=b;k8s:c",
    "k8s:a b",
    "k8s:a=\n",
    "K8S:a=b",
    "k8s:a=\u009b1m",
  ]) {
    assert.throws(() => parseLabel(text), FormatError, JSON.stringify(text));
  }
  assert.throws(() => makeLabel("k8s", "a=b", "c"), FormatError);
});

test("Labels have one canonical string whatever the order", () => {
  const texts = ["k8s:org=empire", "k8s:class=deathstar", "reserved:init"];
  const labels = Labels.parse(texts);
  assert.equal(labels.canonical, "k8s:class=deathstar;reserved:init=;k8s:org=empire;");
  assert.equal(Labels.parse(texts.toReversed()).canonical, labels.canonical);
  assert.equal(Labels.fromCanonical(labels.canonical).equals(labels), true);
  assert.deepEqual(labels.toStrings(), ["k8s:class=deathstar", "reserved:init", "k8s:org=empire"]);
  assert.equal(JSON.stringify(labels), '["k8s:class=deathstar","reserved:init","k8s:org=empire"]');
});

test("Labels keep the last value of a name, and sources apart", () => {
  const labels = Labels.parse(["k8s:a=1", "k8s:a=2", "container:a=3"]);
  assert.equal(labels.size, 2);
  assert.equal(labels.get("k8s", "a"), "2");
  assert.equal(labels.get("container", "a"), "3");
  assert.equal(labels.get("cni", "a"), undefined);
  assert.equal(labels.has("any", "a"), true);
  assert.equal(labels.with([makeLabel("k8s", "b")]).get("k8s", "b"), "");
  assert.equal(labels.size, 2, "the set itself does not change");
  assert.equal(Labels.of([]), Labels.empty);
});

test("the default filter keeps what tells workloads apart", () => {
  const relevant = (text: string) => defaultLabelFilter.relevant(parseLabel(text));
  for (const text of [
    "reserved:host",
    "k8s:org=empire",
    "k8s:io.kubernetes.pod.namespace=default",
    "k8s:io.cilium.k8s.policy.cluster=default",
    "k8s:io.cilium.k8s.policy.serviceaccount=x",
    "k8s:io.cilium.k8s.namespace.labels.team=a",
    "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=a",
    "k8s:app.kubernetes.io/name=a",
    "container:app=x",
  ]) {
    assert.equal(relevant(text), true, text);
  }
  for (const text of [
    "k8s:pod-template-hash=abc",
    "k8s:controller-revision-hash=abc",
    "k8s:io.kubernetes.pod.name=x",
    "k8s:kubernetes.io/x=y",
    "k8s:node.beta.kubernetes.io/x=y",
    "k8s:statefulset.kubernetes.io/pod-name=db-0",
    "k8s:apps.kubernetes.io/pod-index=0",
    "k8s:batch.kubernetes.io/controller-uid=1",
    "k8s:topology.kubernetes.io/zone=a",
    "k8s:annotation.x=y",
  ]) {
    assert.equal(relevant(text), false, text);
  }
});

test("parseLabelFilter() with inclusions keeps those and reserved labels only", () => {
  const filter = parseLabelFilter("k8s:io\\.kubernetes\\.pod\\.namespace k8s:app, k8s:!app-hash");
  const labels = Labels.parse(["k8s:app=a", "k8s:app-hash=b", "k8s:org=c", "reserved:health", "container:app=d"]);
  assert.deepEqual(filter.apply(labels).toStrings(), ["k8s:app=a", "reserved:health"]);
});

test("parseLabelFilter() with exclusions alone keeps the rest", () => {
  const filter = parseLabelFilter("k8s:!hash !k8s:uid");
  const labels = Labels.parse(["k8s:app=a", "k8s:hash=b", "k8s:uid=c", "cni:hash=d"]);
  assert.deepEqual(filter.apply(labels).toStrings(), ["k8s:app=a", "cni:hash=d"]);
  assert.equal(parseLabelFilter("  "), defaultLabelFilter);
  assert.throws(() => parseLabelFilter("k8s:("), FormatError);
});

test("podLabels() adds namespace, cluster, service account and the namespace's labels", () => {
  const labels = podLabels({
    namespace: "default",
    cluster: "default",
    serviceAccount: "pilot",
    labels: { org: "alliance", class: "xwing" },
    namespaceLabels: { team: "a" },
  });
  assert.equal(
    labels.canonical,
    "k8s:class=xwing;k8s:io.cilium.k8s.namespace.labels.team=a;k8s:io.cilium.k8s.policy.cluster=default;" +
      "k8s:io.cilium.k8s.policy.serviceaccount=pilot;k8s:io.kubernetes.pod.namespace=default;k8s:org=alliance;",
  );
});

test("threats: a pod's labels cannot claim a namespace, cluster, service account or namespace label", () => {
  const labels = podLabels({
    namespace: "default",
    cluster: "c1",
    labels: {
      "io.kubernetes.pod.namespace": "kube-system",
      "io.cilium.k8s.policy.cluster": "c2",
      "io.cilium.k8s.policy.serviceaccount": "admin",
      "io.cilium.k8s.namespace.labels.team": "ops",
    },
  });
  assert.deepEqual(labels.toStrings(), [
    "k8s:io.cilium.k8s.policy.cluster=c1",
    "k8s:io.kubernetes.pod.namespace=default",
  ]);
});

test("threats: crafted label keys and values do not become other labels, other sources or reserved ones", () => {
  const crafted: readonly (readonly [string, string])[] = [
    ["reserved:host", ""],
    ["a", "b;reserved:host="],
    ["a=b;reserved:host", "x"],
    ["a;k8s:org", "empire"],
    ["a", "b\nreserved:host"],
    ["x/y/z", "v"],
    ["", "v"],
    ["a".repeat(64), "v"],
    ["a", "v".repeat(64)],
    ["-a", "v"],
  ];
  for (const [key, value] of crafted) {
    const make = () => podLabels({ namespace: "default", cluster: "default", labels: { [key]: value } });
    assert.throws(make, FormatError, JSON.stringify([key, value]));
  }
  const plain = podLabels({ namespace: "default", cluster: "default", labels: { reserved: "host", host: "" } });
  assert.equal(plain.has("reserved", "host"), false);
  for (const text of plain.toStrings()) assert.equal(parseLabel(text).source, "k8s");
  for (const label of plain) assert.deepEqual(parseLabel(formatLabel(label)), label);
});
