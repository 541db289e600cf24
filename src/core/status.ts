// SPDX-License-Identifier: Apache-2.0
// The reconciliation status that lives in a row.

/** Whether a row's effect is in place. `since` is milliseconds since the epoch of the last change of kind or error. */
export type Status =
  | { readonly kind: "pending"; readonly since: number }
  | { readonly kind: "done"; readonly since: number }
  | { readonly kind: "error"; readonly since: number; readonly error: string };

/** The status of a row that waits for its reconciler. */
export function pendingStatus(now = Date.now()): Status {
  return { kind: "pending", since: now };
}

/** The status of a row whose effect is in place. */
export function doneStatus(now = Date.now()): Status {
  return { kind: "done", since: now };
}

/** The status of a row whose effect could not be brought about; it will be tried again. */
export function errorStatus(error: string, now = Date.now()): Status {
  return { kind: "error", since: now, error };
}
