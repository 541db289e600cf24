// SPDX-License-Identifier: Apache-2.0
// Deep freezing of rows, to find code that patches what it must not.

/** Whether rows are frozen unless a table says otherwise: under the test runner, or with CILIUM_FREEZE_ROWS=1. */
export const freezeByDefault =
  process.env["NODE_TEST_CONTEXT"] !== undefined || process.env["CILIUM_FREEZE_ROWS"] === "1";

/** Freezes an object and all plain objects and arrays below it. Byte arrays cannot be frozen and stay as they are. */
export function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
}
