// SPDX-License-Identifier: Apache-2.0
// What the monitor's stream holds: events of the datapath, and those of the agent itself.
import { type AgentNotify, agentNotifications, agentNotifyType, decodeAgentNotify } from "../../../src/api/index.ts";
import { CiliumError } from "../../../src/core/index.ts";
import { type DatapathEvent, decodeEvent } from "../../../src/datapath/index.ts";

/** The agent tells what it did. */
export interface AgentEvent extends AgentNotify {
  readonly type: "agent";
}

export type MonitorEvent = DatapathEvent | AgentEvent;

/** Decodes a record's data; what cannot be read is "unknown". */
export function decodeMonitorEvent(data: Uint8Array): MonitorEvent {
  if (data[0] !== agentNotifyType) return decodeEvent(data);
  try {
    return { type: "agent", ...decodeAgentNotify(data) };
  } catch (error) {
    if (!(error instanceof CiliumError)) throw error;
    return { type: "unknown", number: agentNotifyType, bytes: data };
  }
}

/** `Policy updated`, or the number of a kind that is not known. */
export function agentKind({ kind }: AgentEvent): string {
  return agentNotifications[kind] ?? String(kind);
}
