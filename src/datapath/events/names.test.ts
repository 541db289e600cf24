// SPDX-License-Identifier: Apache-2.0
// Words of the numbers that the programs use.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as abi from "../../abi/index.ts";
import { dropReason, dropReasons, dropReasonText } from "./drop-reasons.ts";
import { fileName, files } from "./files.ts";
import { authTypeName, observationPointName, policyMatchName, traceReasonName } from "./names.ts";

test("every drop reason of the programs has a text and a proto name", () => {
  for (const [name, code] of Object.entries(abi.DropReason)) {
    assert.ok(dropReason(code)?.name !== undefined, `${name} (${code})`);
  }
});

test("every file of the programs has a name", () => {
  for (const [name, id] of Object.entries(abi.SourceFile)) if (id !== 0) assert.ok(files.has(id), name);
  assert.equal(fileName(2), "bpf_lxc.c");
  assert.equal(fileName(99), "unknown(99)");
});

test("drop reasons have Cilium's texts and names", () => {
  assert.equal(dropReasonText(133), "Policy denied");
  assert.equal(dropReason(133)?.name, "POLICY_DENIED");
  assert.equal(dropReason(181)?.name, "POLICY_DENY");
  assert.equal(dropReason(144)?.name, "UNKNOWN_ICMPV4_TYPE");
  assert.equal(dropReason(3)?.name, undefined);
  assert.equal(dropReasonText(250), "250");
});

test("drop reasons are unique and rising", () => {
  const codes = dropReasons.map((reason) => reason.code);
  assert.deepEqual(
    codes,
    [...new Set(codes)].sort((a, b) => a - b),
  );
});

test("names follow the numbers of the ABI", () => {
  for (const [name, point] of Object.entries(abi.TracePoint)) {
    assert.equal(observationPointName(point), name.replace("TRACE_", "").replaceAll("_", "-").toLowerCase());
  }
  for (const [name, reason] of Object.entries(abi.TraceReason)) {
    assert.equal(traceReasonName(reason), name.replace("TRACE_REASON_", "").toLowerCase());
  }
  assert.equal(policyMatchName(abi.PolicyMatch.POLICY_MATCH_L3_L4), "L3-L4");
  assert.equal(policyMatchName(abi.PolicyMatch.POLICY_MATCH_PROTO_ONLY), "Proto-Only");
  assert.deepEqual([authTypeName(0), authTypeName(9)], ["disabled", "9"]);
});
