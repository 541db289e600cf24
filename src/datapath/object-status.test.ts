// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { ObjectStatus } from "./object-status.ts";
import type { DatapathObjectRow } from "./types.ts";

function statusWith(): { status: ObjectStatus; reports: DatapathObjectRow[]; pass: (ensure: () => boolean) => number } {
  const reports: DatapathObjectRow[] = [];
  const status = new ObjectStatus((row) => reports.push(row));
  const pass = (ensure: () => boolean) => {
    status.begin();
    status.keep("device", "d", ensure);
    return status.end().length;
  };
  return { status, reports, pass };
}

test("ObjectStatus counts a change after the first pass as a repair", () => {
  const { status, reports, pass } = statusWith();
  pass(() => true);
  assert.deepEqual([status.rows()[0]?.state, status.rows()[0]?.repairs, reports.length], ["done", 0, 0]);
  pass(() => false);
  pass(() => true);
  assert.deepEqual([status.rows()[0]?.repairs, reports.length], [1, 1]);
});

test("ObjectStatus keeps an error in the row and reports it once", () => {
  const { status, reports, pass } = statusWith();
  const fail = () => {
    throw new Error("EPERM");
  };
  assert.equal(pass(fail), 1);
  assert.equal(pass(fail), 1);
  assert.deepEqual([status.rows()[0]?.state, status.rows()[0]?.error, reports.length], ["error", "EPERM", 1]);
  const [failing] = status.rows();
  assert.deepEqual([failing?.failures, failing?.doneAt], [2, undefined]);
  pass(() => false);
  const [done] = status.rows();
  assert.deepEqual([done?.state, done?.failures, done?.failedAt], ["done", 0, failing?.failedAt]);
  pass(fail);
  const [again] = status.rows();
  assert.deepEqual([again?.failures, again?.doneAt], [1, done?.doneAt]);
});

test("ObjectStatus forgets what a pass did not touch", () => {
  const { status, pass } = statusWith();
  pass(() => true);
  status.begin();
  status.end();
  assert.deepEqual(status.rows(), []);
});
