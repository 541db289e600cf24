// SPDX-License-Identifier: Apache-2.0
// The states of an endpoint and which may follow which.

/**
 * - `waiting-for-identity`: addresses and device are known, labels have no identity yet
 * - `waiting-to-regenerate`: has an identity, the kernel does not know of it (or of its newest policy)
 * - `regenerating`: its policy set, slot and programs are being written
 * - `ready`: the kernel holds what the row says
 * - `not-ready`: the last regeneration failed; it is tried again with back-off, the last good state stays in force
 * - `restoring`: read back from the state folder after a start, what the kernel holds stays in force
 * - `disconnecting`: being taken out of maps and hooks
 * - `disconnected`: gone; the row is removed
 */
export const endpointStates = [
  "waiting-for-identity",
  "waiting-to-regenerate",
  "regenerating",
  "ready",
  "not-ready",
  "restoring",
  "disconnecting",
  "disconnected",
] as const;

export type EndpointState = (typeof endpointStates)[number];

const next: Readonly<Record<EndpointState, readonly EndpointState[]>> = {
  "waiting-for-identity": ["waiting-to-regenerate", "disconnecting"],
  "waiting-to-regenerate": ["regenerating", "waiting-for-identity", "disconnecting"],
  regenerating: ["ready", "not-ready", "waiting-to-regenerate", "waiting-for-identity", "disconnecting"],
  ready: ["waiting-to-regenerate", "waiting-for-identity", "disconnecting"],
  "not-ready": ["waiting-to-regenerate", "waiting-for-identity", "regenerating", "disconnecting"],
  restoring: ["waiting-to-regenerate", "waiting-for-identity", "disconnecting"],
  disconnecting: ["disconnected"],
  disconnected: [],
};

/** Whether an endpoint in `from` may go to `to`; staying is always allowed. */
export function mayFollow(from: EndpointState, to: EndpointState): boolean {
  return from === to || next[from].includes(to);
}
