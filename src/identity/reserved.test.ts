// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../core/index.ts";
import { Identity, identityScope, isReservedIdentity } from "./numeric.ts";
import { reservedIdentityOf, reservedIdentityRows, reservedLabels } from "./reserved.ts";

test("reservedLabels() and reservedIdentityOf() are each other's reverse", () => {
  for (let id = 1; id <= 14; id++) {
    const labels = reservedLabels(id);
    assert.ok(labels, `no labels for ${id}`);
    assert.equal(reservedIdentityOf(labels), id);
  }
  assert.equal(reservedLabels(0), undefined);
  assert.equal(reservedLabels(256), undefined);
});

test("reservedIdentityOf() knows nodes with more than one reserved label", () => {
  const of = (...labels: string[]) => reservedIdentityOf(Labels.parse(labels));
  assert.equal(of("reserved:host", "reserved:kube-apiserver"), Identity.host);
  assert.equal(of("reserved:remote-node", "reserved:kube-apiserver"), Identity.kubeApiserver);
  assert.equal(of("reserved:remote-node"), Identity.remoteNode);
});

test("threats: labels crafted to look reserved do not give a reserved identity", () => {
  const of = (...labels: string[]) => reservedIdentityOf(Labels.parse(labels));
  assert.equal(of("k8s:host"), undefined);
  assert.equal(of("k8s:reserved=host"), undefined);
  assert.equal(of("k8s:reserved:host"), undefined);
  assert.equal(of("any:host"), undefined);
  assert.equal(of("reserved:health=1"), undefined);
  assert.equal(of("reserved:health", "k8s:app=x"), undefined);
  assert.equal(of("reserved:nonsense"), undefined);
});

test("reservedIdentityRows() leaves out those that no packet has", () => {
  assert.deepEqual(
    reservedIdentityRows().map((row) => row.id),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
});

test("identityScope() reads bits 24-31", () => {
  assert.equal(identityScope(256), "cluster");
  assert.equal(identityScope(0x01000001), "local-cidr");
  assert.equal(identityScope(0x02000001), "remote-node");
  assert.equal(identityScope(0xff000001), undefined);
  assert.equal(isReservedIdentity(14), true);
  assert.equal(isReservedIdentity(15), false);
});
