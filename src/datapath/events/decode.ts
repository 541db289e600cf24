// SPDX-License-Identifier: Apache-2.0
// From the bytes of a ring buffer record to a typed event. Never throws: what it does not know is "unknown".
import * as abi from "../../abi/index.ts";
import { ipFrom16 } from "../../core/index.ts";
import { decodeStaged } from "../maps/policy-codec.ts";
import { type DissectOptions, dissect } from "../packet/dissect.ts";
import { summarize } from "../packet/summary.ts";
import type {
  CaptureEvent,
  DatapathEvent,
  DebugEvent,
  DropEvent,
  EventHeader,
  PolicyVerdictEvent,
  TraceEvent,
  TraceSockEvent,
} from "./types.ts";

const CAPTURE_BODY = 24;
const DEBUG_SIZE = 20;
/** As Cilium numbers it: programs of ours do not make it yet. */
const EVENT_TRACE_SOCK = 7;
const TRACE_SOCK_SIZE = 38;
const TRACE_SOCK_F_IPV6 = 1;
const TRACE_REASON_ENCRYPTED = 0x80;

const directions = ["unknown", "ingress", "egress"] as const;

/** Decodes one record; the event owns copies, so the bytes may be overwritten afterwards. */
export function decodeEvent(bytes: Uint8Array): DatapathEvent {
  const decoder = decoders.get(bytes[0] ?? 0);
  if (decoder === undefined || bytes.length < decoder.size) {
    return { type: "unknown", number: bytes[0] ?? 0, bytes: bytes.slice() };
  }
  return decoder.decode(bytes);
}

const decoders: ReadonlyMap<number, { size: number; decode: (bytes: Uint8Array) => DatapathEvent }> = new Map([
  [abi.EventType.EVENT_DROP, { size: abi.DROP_EVENT_SIZE, decode: decodeDrop }],
  [abi.EventType.EVENT_TRACE, { size: abi.TRACE_EVENT_SIZE, decode: decodeTrace }],
  [abi.EventType.EVENT_POLICY_VERDICT, { size: abi.POLICY_VERDICT_EVENT_SIZE, decode: decodeVerdict }],
  [abi.EventType.EVENT_DEBUG, { size: DEBUG_SIZE, decode: decodeDebug }],
  [abi.EventType.EVENT_CAPTURE, { size: CAPTURE_BODY, decode: decodeCapture }],
  [EVENT_TRACE_SOCK, { size: TRACE_SOCK_SIZE, decode: decodeTraceSock }],
]);

function decodeDrop(bytes: Uint8Array): DropEvent {
  const row = abi.decodeDropEvent(bytes);
  return {
    type: "drop",
    ...packetPart(bytes, abi.DROP_EVENT_SIZE, row.header, options(row.flags)),
    reason: row.header.subtype,
    sourceIdentity: row.sourceIdentity,
    destinationIdentity: row.destinationIdentity,
    destinationEndpoint: row.destinationEndpoint,
    line: row.line,
    file: row.file,
    extError: row.extError,
    ifindex: row.ifindex,
    ipv6: has(row.flags, abi.EventFlags.EVENT_F_IPV6),
    l3Device: has(row.flags, abi.EventFlags.EVENT_F_L3_DEVICE),
    direction: directions[row.direction] ?? "unknown",
    ipTraceId: row.ipTraceId,
    cookie: row.cookie,
    policySet: row.policySet,
  };
}

function decodeTrace(bytes: Uint8Array): TraceEvent {
  const row = abi.decodeTraceEvent(bytes);
  const ipv6 = has(row.flags, abi.EventFlags.EVENT_F_IPV6);
  const dissection = options(row.flags);
  const translated = row.originalAddress.some((byte) => byte !== 0);
  return {
    type: "trace",
    ...packetPart(bytes, abi.TRACE_EVENT_SIZE, row.header, dissection),
    observationPoint: row.header.subtype,
    reason: row.reason & ~TRACE_REASON_ENCRYPTED,
    encrypted: has(row.reason, TRACE_REASON_ENCRYPTED),
    sourceIdentity: row.sourceIdentity,
    destinationIdentity: row.destinationIdentity,
    destinationEndpoint: row.destinationEndpoint,
    ifindex: row.ifindex,
    ipv6,
    l3Device: has(row.flags, abi.EventFlags.EVENT_F_L3_DEVICE),
    tunnel: dissection.tunnel ?? "none",
    ...(translated ? { originalAddress: ipFrom16(row.originalAddress, ipv6 ? 6 : 4) } : {}),
    ipTraceId: row.ipTraceId,
  };
}

function decodeVerdict(bytes: Uint8Array): PolicyVerdictEvent {
  const row = abi.decodePolicyVerdictEvent(bytes);
  const l3Device = has(row.flags, 0x80);
  const audited = has(row.flags, 0x40);
  const staged = decodeStaged(row.staged, row.stagedCookie);
  return {
    type: "policy-verdict",
    ...packetPart(bytes, abi.POLICY_VERDICT_EVENT_SIZE, row.header, { l3: l3Device }),
    remoteIdentity: row.remoteIdentity,
    verdict: row.verdict,
    action: action(row.verdict, audited),
    destinationPort: row.destinationPort,
    protocol: row.protocol,
    direction: directions[row.flags & 0x3] ?? "unknown",
    ipv6: has(row.flags, 0x4),
    l3Device,
    audited,
    match: (row.flags >> 3) & 0x7,
    authType: row.authType,
    cookie: row.cookie,
    policySet: row.policySet,
    ...(staged !== undefined && { staged }),
  };
}

function decodeDebug(bytes: Uint8Array): DebugEvent {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    type: "debug",
    subtype: view.getUint8(1),
    source: view.getUint16(2, true),
    hash: view.getUint32(4, true),
    args: [view.getUint32(8, true), view.getUint32(12, true), view.getUint32(16, true)],
  };
}

/** A packed struct: type, point, address (16), port, cookie, cgroup, protocol, flags. */
function decodeTraceSock(bytes: Uint8Array): TraceSockEvent {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = has(view.getUint8(37), TRACE_SOCK_F_IPV6) ? 6 : 4;
  return {
    type: "trace-sock",
    point: view.getUint8(1),
    destination: ipFrom16(bytes.subarray(2, 18), family),
    port: view.getUint16(18, true),
    socketCookie: view.getBigUint64(20, true),
    cgroupId: view.getBigUint64(28, true),
    protocol: (["unknown", "tcp", "udp"] as const)[view.getUint8(36)] ?? "unknown",
  };
}

function decodeCapture(bytes: Uint8Array): CaptureEvent {
  const header = abi.decodeEventHeader(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const args: [number, number] = [view.getUint32(16, true), view.getUint32(20, true)];
  return { type: "capture", ...packetPart(bytes, CAPTURE_BODY, header, {}), subtype: header.subtype, args };
}

/** The header's own fields and the packet behind the body; `len_cap` is not trusted beyond the record's end. */
function packetPart(bytes: Uint8Array, body: number, header: abi.EventHeader, how: DissectOptions): EventHeader {
  const captured = bytes.slice(body, body + header.lenCap);
  const packet = dissect(captured, how);
  return {
    source: header.source,
    hash: header.hash,
    originalLength: header.lenOrig,
    captured,
    packet,
    summary: summarize(packet),
  };
}

function options(flags: number): DissectOptions {
  const l3 = has(flags, abi.EventFlags.EVENT_F_L3_DEVICE);
  if (has(flags, abi.EventFlags.EVENT_F_VXLAN)) return { l3, tunnel: "vxlan" };
  if (has(flags, abi.EventFlags.EVENT_F_GENEVE)) return { l3, tunnel: "geneve" };
  return { l3 };
}

function action(verdict: number, audited: boolean): PolicyVerdictEvent["action"] {
  if (audited) return "audit";
  if (verdict < 0) return "deny";
  return verdict > 0 ? "redirect" : "allow";
}

function has(flags: number, bit: number): boolean {
  return (flags & bit) !== 0;
}
