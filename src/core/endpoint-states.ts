// SPDX-License-Identifier: Apache-2.0
// The states that operators know endpoints by.

/** The states of the REST API and the command line. */
export const endpointStates = [
  "waiting-for-identity",
  "not-ready",
  "waiting-to-regenerate",
  "regenerating",
  "restoring",
  "ready",
  "disconnecting",
  "disconnected",
  "invalid",
] as const;

export type EndpointState = (typeof endpointStates)[number];
