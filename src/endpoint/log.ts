// SPDX-License-Identifier: Apache-2.0
// The history in an endpoint's row.
import { endpointState } from "./state.ts";
import type { EndpointLogEntry, EndpointRow, RegenerationCause } from "./types.ts";

const keep = 32;

/** Of a row that the kernel has as it is. */
export function regeneratedMessage({ cause }: EndpointRow): string {
  return `Successfully regenerated endpoint program${cause === undefined ? "" : ` (Reason: ${cause})`}`;
}

/** Of a row that gets its identity. */
export function causeOfIdentity({ phase, identityLabels }: EndpointRow): RegenerationCause {
  if (phase === "restoring") return "restored endpoint";
  return identityLabels === undefined ? "new endpoint" : "labels changed";
}

/** The row with one more line of history; the oldest goes. */
export function withLogEntry(
  row: EndpointRow,
  time: number,
  code: EndpointLogEntry["code"],
  message: string,
): EndpointRow {
  const entry: EndpointLogEntry = { time, code, state: endpointState(row.phase, row.status), message };
  return { ...row, log: [...row.log.slice(-(keep - 1)), entry] };
}
