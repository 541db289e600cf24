// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../src/core/index.ts";
import { containerLabels } from "./labels.ts";

test("containerLabels() keeps what says what a container is, under a source that no key can change", () => {
  const { labels, leftOut } = containerLabels(
    {
      app: "web",
      flag: "",
      "k8s:app": "db",
      "reserved:host": "",
      "com.docker.compose.service": "front",
      "com.docker.compose.config-hash": "1234",
      "org.opencontainers.image.title": "Web",
      maintainer: "Some Body",
      "a=b": "c",
      cut: "x;k8s:app=db",
      long: "x".repeat(5000),
    },
    "shop",
    "east",
  );
  assert.deepEqual(labels, [
    "k8s:io.kubernetes.pod.namespace=shop",
    "k8s:io.cilium.k8s.policy.cluster=east",
    "container:app=web",
    "container:flag",
    "container:k8s:app=db",
    "container:reserved:host",
    "container:com.docker.compose.service=front",
  ]);
  assert.deepEqual(leftOut, ["maintainer", "a=b", "cut", "long"]);
  // As the agent reads them.
  const sources = [...Labels.parse(labels, "container")].map(({ source }) => source);
  assert.deepEqual(new Set(sources), new Set(["k8s", "container"]));
});
