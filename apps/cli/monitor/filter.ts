// SPDX-License-Identifier: Apache-2.0
// Which events `monitor` shows.
import { UsageError } from "../errors.ts";
import type { MonitorEvent } from "./event.ts";

/** Types of `-t`; events of trace-sock and l7 are not made by the node of today. */
export const monitorTypes = [
  "drop",
  "debug",
  "capture",
  "trace",
  "policy-verdict",
  "trace-sock",
  "l7",
  "agent",
] as const;

export interface FilterOptions {
  /** Empty: all. */
  readonly types: readonly string[];
  /** Traces of sockets too, without being asked for by type. */
  readonly sockets: boolean;
  /** Endpoint numbers; empty: any. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly relatedTo: readonly number[];
}

export type EventFilter = (event: MonitorEvent) => boolean;

/** Throws UsageError for a type that there is not. */
export function createFilter({ types, sockets, from, to, relatedTo }: FilterOptions): EventFilter {
  for (const type of types) {
    if (monitorTypes.some((known) => known === type)) continue;
    throw new UsageError(`Cannot filter by type "${type}": unknown (expected ${monitorTypes.join(", ")})`);
  }
  return (event) => {
    if (types.length > 0 ? !types.includes(event.type) : event.type === "trace-sock" && !sockets) return false;
    const source = "source" in event ? event.source : 0;
    const destination = destinationOf(event);
    if (from.length > 0 && !from.includes(source)) return false;
    if (to.length > 0 && !to.includes(destination)) return false;
    return relatedTo.length === 0 || relatedTo.includes(source) || relatedTo.includes(destination);
  };
}

function destinationOf(event: MonitorEvent): number {
  return event.type === "drop" || event.type === "trace" ? event.destinationEndpoint : 0;
}
