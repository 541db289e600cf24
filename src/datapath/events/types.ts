// SPDX-License-Identifier: Apache-2.0
// Decoded records of the ring buffer cilium_events.
import type { StagedVerdict } from "../maps/types.ts";
import type { Packet } from "../packet/types.ts";

/** What every event carries. */
export interface EventHeader {
  /** Endpoint id of the program that reported; 0: host. */
  readonly source: number;
  /** Flow hash of the kernel. */
  readonly hash: number;
  /** Bytes of the packet before capture. */
  readonly originalLength: number;
  /** First bytes of the packet; a copy owned by the event. */
  readonly captured: Uint8Array;
  readonly packet: Packet;
  /** `10.0.0.1:4444 -> 10.0.0.2:80 tcp SYN`. */
  readonly summary: string;
}

export interface DropEvent extends EventHeader {
  readonly type: "drop";
  /** Code; text by `dropReasonText`. */
  readonly reason: number;
  readonly sourceIdentity: number;
  readonly destinationIdentity: number;
  /** 0: none. */
  readonly destinationEndpoint: number;
  readonly line: number;
  /** File id; name by `fileName`. */
  readonly file: number;
  readonly extError: number;
  readonly ifindex: number;
  readonly ipv6: boolean;
  readonly l3Device: boolean;
  readonly direction: "unknown" | "ingress" | "egress";
  readonly ipTraceId: bigint;
  /** Rule that denied it; 0: default deny, or no policy decision. */
  readonly cookie: number;
  /** Policy set in which nothing matched. */
  readonly policySet: number;
}

export interface TraceEvent extends EventHeader {
  readonly type: "trace";
  /** Observation point; name by `observationPointName`. */
  readonly observationPoint: number;
  /** Without the encrypted bit; name by `traceReasonName`. */
  readonly reason: number;
  readonly encrypted: boolean;
  readonly sourceIdentity: number;
  readonly destinationIdentity: number;
  readonly destinationEndpoint: number;
  readonly ifindex: number;
  readonly ipv6: boolean;
  readonly l3Device: boolean;
  readonly tunnel: "none" | "vxlan" | "geneve";
  /** Address before translation, when there was one. */
  readonly originalAddress?: string;
  readonly ipTraceId: bigint;
}

export interface PolicyVerdictEvent extends EventHeader {
  readonly type: "policy-verdict";
  readonly remoteIdentity: number;
  /** 0 allow, > 0 proxy port, < 0 drop reason. */
  readonly verdict: number;
  readonly action: "allow" | "deny" | "redirect" | "audit";
  readonly destinationPort: number;
  readonly protocol: number;
  readonly direction: "unknown" | "ingress" | "egress";
  readonly ipv6: boolean;
  readonly l3Device: boolean;
  readonly audited: boolean;
  /** `enum policy_match`; name by `policyMatchName`. */
  readonly match: number;
  readonly authType: number;
  readonly cookie: number;
  readonly policySet: number;
  /** What would be with the staged policies in force too; absent: none selects the endpoint. */
  readonly staged?: StagedVerdict;
}

export interface DebugEvent {
  readonly type: "debug";
  readonly subtype: number;
  readonly source: number;
  readonly hash: number;
  readonly args: readonly [number, number, number];
}

export interface CaptureEvent extends EventHeader {
  readonly type: "capture";
  /** Capture point. */
  readonly subtype: number;
  readonly args: readonly [number, number];
}

/** Where a socket's address was looked at, before and after it was translated. */
export interface TraceSockEvent {
  readonly type: "trace-sock";
  /** Translation point; name by `translationPointName`. */
  readonly point: number;
  readonly destination: string;
  readonly port: number;
  readonly socketCookie: bigint;
  readonly cgroupId: bigint;
  readonly protocol: "tcp" | "udp" | "unknown";
}

/** A record whose type is not known or whose body is too short; nothing is thrown for it. */
export interface UnknownEvent {
  readonly type: "unknown";
  readonly number: number;
  readonly bytes: Uint8Array;
}

export type DatapathEvent =
  | DropEvent
  | TraceEvent
  | PolicyVerdictEvent
  | DebugEvent
  | CaptureEvent
  | TraceSockEvent
  | UnknownEvent;

export interface EventReaderOptions {
  /** Give at most this many events to one call of `onBatch`. Default 1024. */
  readonly batchSize?: number;
}

export interface RawReaderOptions {
  /** Asked for each record: false lets it go, counted and without any cost. */
  readonly wanted?: () => boolean;
  /** After each run of records. */
  readonly onBatchEnd?: () => void;
}

/** The consumer of cilium_events. */
export interface EventReader extends Disposable {
  /** Starts reading; `onBatch` gets events as they come, and must not block. */
  start(onBatch: (events: readonly DatapathEvent[]) => void): void;
  /**
   * Starts reading without decoding: `onRecord` gets each record as it is. The bytes are the ring's own and hold
   * during the call only.
   */
  startRaw(onRecord: (record: Uint8Array) => void, options?: RawReaderOptions): void;
  /** Ends reading; what is in the ring stays for the next reader. */
  stop(): void;
  /** Events that the programs could not place because the ring was full, since the maps were made. */
  readonly lost: number;
  /** Events read by this reader. */
  readonly received: number;
}
