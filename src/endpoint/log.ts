// SPDX-License-Identifier: Apache-2.0
// The history in an endpoint's row.
import { endpointState } from "./state.ts";
import type { EndpointLogEntry, EndpointRow } from "./types.ts";

const keep = 32;

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
