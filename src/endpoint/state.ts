// SPDX-License-Identifier: Apache-2.0
// The life of an endpoint: phases, what moves it on, and the state that operators see.
import type { EndpointState, Status } from "../core/index.ts";

/**
 * Where an endpoint is in its life; kept in its row.
 * - `restoring`: read back from the state folder; what the kernel holds stays in force until policies and
 *   identities are known again
 * - `waiting-for-identity`: its labels have no identity yet; the programs know nothing of it
 * - `active`: has an identity; the reconciler brings the kernel to what the row says
 * - `disconnecting`: being taken out of maps and hooks; its row goes when that is done
 */
export type Phase = "restoring" | "waiting-for-identity" | "active" | "disconnecting";

/** What happens to an endpoint. */
export type EndpointEvent = "identity-allocated" | "labels-changed" | "deleted";

const transitions: Readonly<Record<Phase, Readonly<Partial<Record<EndpointEvent, Phase>>>>> = {
  restoring: { "identity-allocated": "active", "labels-changed": "restoring", deleted: "disconnecting" },
  "waiting-for-identity": {
    "identity-allocated": "active",
    "labels-changed": "waiting-for-identity",
    deleted: "disconnecting",
  },
  // The old identity stays in force until the new one is there: a label change never opens a gap.
  active: { "identity-allocated": "active", "labels-changed": "active", deleted: "disconnecting" },
  disconnecting: { deleted: "disconnecting" },
};

/** The phase after an event, or undefined when the event comes too late to matter (the endpoint is going). */
export function nextPhase(phase: Phase, event: EndpointEvent): Phase | undefined {
  return transitions[phase][event];
}

/** The state that operators see: the phase, and for active endpoints how far the kernel is. */
export function endpointState(phase: Phase, status: Status): EndpointState {
  if (phase !== "active") return phase;
  switch (status.kind) {
    case "pending":
      return "waiting-to-regenerate";
    case "done":
      return "ready";
    case "error":
      return "not-ready";
  }
}
