// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { expand } from "./container.ts";

test("expand() fills $(NAME), keeps unknown ones, and undoes $$(NAME)", () => {
  const variables = { A: "1", "B.c-d": "two" };
  assert.equal(expand("x$(A)y$(B.c-d)", variables), "x1ytwo");
  assert.equal(expand("$(NONE) $A $ {A} $", variables), "$(NONE) $A $ {A} $");
  assert.equal(expand("$$(A)", variables), "$(A)");
});
