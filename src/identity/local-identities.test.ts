// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../core/index.ts";
import { LocalIdentities, localIdentityRange } from "./local-identities.ts";
import { identityScope } from "./numeric.ts";
import { createIdentityTable } from "./table.ts";

const prefix = (text: string) => Labels.parse([`cidr:${text}`, "reserved:world-ipv4"]);

test("numbers have the local scope, one for each label set, with a row while they are in use", () => {
  const table = createIdentityTable();
  const local = new LocalIdentities(table);
  const ten = local.take(prefix("10.0.0.0/8"));
  assert.equal(identityScope(ten.id), "local-cidr");
  assert.equal(local.take(prefix("10.0.0.0/8")).id, ten.id);
  assert.notEqual(local.take(prefix("10.1.0.0/16")).id, ten.id);
  assert.equal(table.get(ten.id)?.source, "local");
  local.remove(ten.id);
  assert.equal(table.get(ten.id), undefined);
  local.remove(ten.id);
});

test("a number that was given back is the last to be used again", () => {
  const local = new LocalIdentities(createIdentityTable());
  const first = local.take(prefix("10.0.0.0/8")).id;
  local.remove(first);
  assert.notEqual(local.take(prefix("10.0.0.0/8")).id, first);
});

test("numbers are the same after a restart, and wrap round at the end of the range", () => {
  const local = new LocalIdentities(createIdentityTable());
  const ids = ["10.0.0.0/8", "10.1.0.0/16"].map((text) => local.take(prefix(text)).id);
  const again = new LocalIdentities(createIdentityTable());
  again.restore(JSON.parse(JSON.stringify({ ...local.toJSON(), next: localIdentityRange.max })));
  assert.deepEqual(
    ["10.0.0.0/8", "10.1.0.0/16"].map((text) => again.take(prefix(text)).id),
    ids,
  );
  assert.equal(again.take(prefix("10.2.0.0/16")).id, localIdentityRange.max);
  assert.equal(again.take(prefix("10.3.0.0/16")).id, Math.max(...ids) + 1);
});

test("threats: numbers of other scopes are not taken from a file", () => {
  const table = createIdentityTable();
  const local = new LocalIdentities(table);
  const labels = ["cidr:10.0.0.0/8", "reserved:world-ipv4"];
  local.restore({ next: 7, identities: [1, 300, 0x0200_0001, -1, 1.5].map((id) => ({ id, labels })) });
  assert.deepEqual(local.all(), []);
  assert.equal(identityScope(local.take(prefix("10.0.0.0/8")).id), "local-cidr");
});
