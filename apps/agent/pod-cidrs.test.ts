// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { podCidrProblem } from "./pod-cidrs.ts";

test("threats: a pod CIDR that would take the node off its network is refused, and says why", () => {
  const own = ["172.30.9.1", "fd00:30:9::1"];
  assert.equal(podCidrProblem("10.9.0.0/24", own), undefined);
  assert.equal(podCidrProblem("fd00:9::/112", own), undefined);
  assert.match(podCidrProblem("0.0.0.0/0", own) ?? "", /^a prefix of \/8 or longer$/);
  assert.match(podCidrProblem("::/0", own) ?? "", /^a prefix of \/16 or longer$/);
  assert.match(podCidrProblem("127.0.0.0/8", own) ?? "", /addresses that hosts can have/);
  assert.match(podCidrProblem("224.0.0.0/8", own) ?? "", /addresses that hosts can have/);
  assert.match(podCidrProblem("172.30.9.0/24", own) ?? "", /without this node's own address 172\.30\.9\.1$/);
  assert.match(podCidrProblem("fd00:30::/32", own) ?? "", /without this node's own address fd00:30:9::1$/);
});
