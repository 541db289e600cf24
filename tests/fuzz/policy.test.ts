// SPDX-License-Identifier: Apache-2.0
// Policies with every field, mutated: taken whole or refused with PolicyParseError. Five minutes of it:
// npm run bench -- policy-fuzz
import assert from "node:assert/strict";
import { after } from "node:test";
import { tryPolicy } from "./policy.ts";
import { fuzz } from "./random.ts";

const seen = { taken: 0, refused: 0 };

fuzz("threats: any policy is taken whole or refused whole", 20_000, (random) => {
  seen[tryPolicy(random) ? "taken" : "refused"]++;
});

after(() => {
  // A fuzzer whose inputs are all refused at the door would see nothing.
  if (process.env.FUZZ_CASE === undefined) assert.ok(seen.taken > 20 && seen.refused > 20, JSON.stringify(seen));
});
