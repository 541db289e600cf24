// SPDX-License-Identifier: Apache-2.0
// Events as rows to compare with.
import {
  DROP_EVENT_SIZE,
  type DropEvent,
  decodeDropEvent,
  decodePolicyVerdictEvent,
  decodeTraceEvent,
  EventType,
  POLICY_VERDICT_EVENT_SIZE,
  type PolicyVerdictEvent,
  TRACE_EVENT_SIZE,
  type TraceEvent,
} from "../../src/abi/index.ts";

interface Common {
  readonly endpoint: number;
  readonly captured: number;
  readonly length: number;
  readonly packet: Uint8Array;
}
export type DropRow = Common & { readonly kind: "drop"; readonly reason: number } & Omit<DropEvent, "header">;
export type TraceRow = Common & { readonly kind: "trace"; readonly point: number } & Omit<TraceEvent, "header">;
export type VerdictRow = Common & { readonly kind: "verdict" } & Omit<PolicyVerdictEvent, "header">;
export type EventRow = DropRow | TraceRow | VerdictRow;

/** Decodes a record of the ring buffer. */
export function readEvent(record: Uint8Array): EventRow {
  const common = (header: DropEvent["header"], size: number) => ({
    endpoint: header.source,
    captured: header.lenCap,
    length: header.lenOrig,
    packet: record.subarray(size, size + header.lenCap),
  });
  switch (record[0]) {
    case EventType.EVENT_DROP: {
      const { header, ...rest } = decodeDropEvent(record);
      return { kind: "drop", reason: header.subtype, ...common(header, DROP_EVENT_SIZE), ...rest };
    }
    case EventType.EVENT_TRACE: {
      const { header, ...rest } = decodeTraceEvent(record);
      return { kind: "trace", point: header.subtype, ...common(header, TRACE_EVENT_SIZE), ...rest };
    }
    case EventType.EVENT_POLICY_VERDICT: {
      const { header, ...rest } = decodePolicyVerdictEvent(record);
      return { kind: "verdict", ...common(header, POLICY_VERDICT_EVENT_SIZE), ...rest };
    }
    default:
      throw new Error(`Cannot decode event: type ${record[0]}`);
  }
}
