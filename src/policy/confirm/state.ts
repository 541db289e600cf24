// SPDX-License-Identifier: Apache-2.0
// Commit-confirm of the policies that select hosts: what is in force, for how long, and what comes if nobody confirms.
// Pure: states are values, the clock is an argument.

/** Stands for a set of policies; equal for equal sets. */
export type SnapshotId = string;

/**
 * - `confirmed`: the policies that are wanted are in force
 * - `provisional`: they are in force too, until `deadline`; `previous` comes back then unless they are confirmed
 * - `reverted`: they cut something off (`reason`); `previous` is in force, until others are wanted
 */
export type ConfirmState =
  | { readonly kind: "confirmed"; readonly wanted: SnapshotId }
  | {
      readonly kind: "provisional";
      readonly wanted: SnapshotId;
      readonly previous: SnapshotId;
      /** Milliseconds of the caller's clock. */
      readonly deadline: number;
    }
  | {
      readonly kind: "reverted";
      readonly wanted: SnapshotId;
      readonly previous: SnapshotId;
      readonly since: number;
      readonly reason: string;
    };

/** Other policies are wanted (or the same again). They come into force for `patience` milliseconds. */
export function offer(state: ConfirmState, wanted: SnapshotId, now: number, patience: number): ConfirmState {
  if (wanted === state.wanted) return state;
  const previous = state.kind === "confirmed" ? state.wanted : state.previous;
  if (wanted === previous) return { kind: "confirmed", wanted };
  return { kind: "provisional", wanted, previous, deadline: now + patience };
}

/** Everything is reached with the policies in force. */
export function confirm(state: ConfirmState): ConfirmState {
  return state.kind === "provisional" ? { kind: "confirmed", wanted: state.wanted } : state;
}

/** Time has passed; `reason` says what is not reached. */
export function expire(state: ConfirmState, now: number, reason: string): ConfirmState {
  if (state.kind !== "provisional" || now < state.deadline) return state;
  const { wanted, previous } = state;
  return { kind: "reverted", wanted, previous, since: now, reason };
}

/** The policies in force. */
export function inForce(state: ConfirmState): SnapshotId {
  return state.kind === "reverted" ? state.previous : state.wanted;
}
