// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { containerLabels } from "./container-labels.ts";

test("containerLabels() places a container in a namespace and a cluster, and leaves out what tools write", () => {
  const given = {
    app: "web",
    "io.containerd.image.config.stop-signal": "9",
    "org.opencontainers.image.title": "x",
    "com.docker.compose.service": "db",
    "com.docker.compose.version": "2",
  };
  assert.deepEqual(containerLabels(given, "shop", "c1"), {
    labels: [
      "k8s:io.kubernetes.pod.namespace=shop",
      "k8s:io.cilium.k8s.policy.cluster=c1",
      "container:app=web",
      "container:com.docker.compose.service=db",
    ],
    leftOut: [],
  });
});

test("threats: labels that would be several, or another source's, are left out or stay the container's own", () => {
  const given = { "a;reserved:host": "", "k8s:io.kubernetes.pod.namespace": "kube-system", long: "x".repeat(5000) };
  const { labels, leftOut } = containerLabels(given, "default", "");
  assert.deepEqual(leftOut, ["a;reserved:host", "long"]);
  assert.deepEqual(labels, [
    "k8s:io.kubernetes.pod.namespace=default",
    "container:k8s:io.kubernetes.pod.namespace=kube-system",
  ]);
});
