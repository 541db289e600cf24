// SPDX-License-Identifier: Apache-2.0
// Agreement with the shared policy vectors, side by side and value by value.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { differences } from "./simulate/output.ts";
import { readCases } from "./simulate/read.ts";
import { simulateCase } from "./simulate/simulate.ts";

const file = resolve(import.meta.dirname, "../../../shared/interop/policy-vectors.json");
const present = existsSync(file);

describe("policy vectors", { skip: present ? false : `${file} is not there` }, () => {
  const cases = present ? readCases(readFileSync(file, "utf8"), file) : [];
  for (const vector of cases) {
    test(`${vector.id}: ${vector.title ?? ""}`, () => {
      assert.deepEqual(differences(vector, simulateCase(vector)), []);
    });
  }
  test("are all there, and a wrong value is seen", () => {
    assert.ok(cases.length >= 66, `only ${cases.length} cases`);
    const vector = cases.find(({ id }) => id === "peer-both-sides") ?? assert.fail("peer-both-sides is not there");
    const [first = assert.fail("it has no flow"), ...flows] = vector.flows;
    const altered = { ...vector, flows: [{ ...first, ingress: "error" }, ...flows] };
    assert.equal(differences(altered, simulateCase(altered)).length, 1);
  });
});
