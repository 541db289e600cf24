// SPDX-License-Identifier: Apache-2.0
// The one-line form of events.
import {
  authTypeName,
  type CaptureEvent,
  type DebugEvent,
  type DropEvent,
  dropReasonText,
  fileName,
  type PolicyVerdictEvent,
  policyMatchName,
  type TraceEvent,
  type TraceSockEvent,
  traceReasonName,
  translationPointName,
} from "../../../src/datapath/index.ts";
import { agentKind, type MonitorEvent } from "./event.ts";
import type { Knowledge } from "./knowledge.ts";

/** The line of an event. */
export function formatBrief(cpu: number, event: MonitorEvent, knowledge: Knowledge): string {
  switch (event.type) {
    case "drop":
      return formatDrop(event, knowledge);
    case "trace":
      return formatTrace(event, knowledge);
    case "policy-verdict":
      return formatVerdict(event, knowledge);
    case "debug":
      return `CPU ${cpuText(cpu)}: MARK ${hash(event.hash)} FROM ${event.source} DEBUG: ${debugText(event)}`;
    case "capture":
      return `${captureText(event, knowledge)}: ${event.summary}`;
    case "trace-sock":
      return formatTraceSock(cpu, event);
    case "agent":
      return `>> ${agentKind(event)}: ${event.text}`;
    case "unknown":
      return `CPU ${cpuText(cpu)}: Unknown event type ${event.number}, ${event.bytes.length} bytes`;
  }
}

function formatTraceSock(cpu: number, event: TraceSockEvent): string {
  const socket = `cgroup_id: ${event.cgroupId} sock_cookie: ${event.socketCookie}`;
  const point = translationPointName(event.point);
  return `CPU ${cpuText(cpu)}: [${point}] ${socket}, dst [${event.destination}]:${event.port} ${event.protocol}`;
}

/** The datapath of today has no debug messages of its own to name. */
export function debugText({ subtype, args: [first, second] }: DebugEvent): string {
  return `Unknown message type=${subtype} arg1=${first} arg2=${second}`;
}

/** Where a capture was taken, by its point. */
function captureText({ subtype, args: [first] }: CaptureEvent, knowledge: Knowledge): string {
  switch (subtype) {
    case 4:
      return `-> ${knowledge.deviceName(first)}`;
    case 5:
      return `<- load-balancer ${knowledge.deviceName(first)}`;
    case 6:
      return `== v4->v6 ${first}`;
    case 7:
      return `== v6->v4 ${first}`;
    case 9:
      return `-> proxy port ${((first & 0xff) << 8) | ((first >> 8) & 0xff)}`;
    default:
      return `?? capture ${subtype}`;
  }
}

function formatDrop(event: DropEvent, knowledge: Knowledge): string {
  const place = `file ${fileName(event.file)}:${event.line}`;
  const target = `to endpoint ${event.destinationEndpoint}, ifindex ${event.ifindex}, ${place}, `;
  return `xx drop (${reasonText(event)}) flow ${hash(event.hash)} ${target}, ${identities(event, knowledge)}: ${event.summary}`;
}

function formatTrace(event: TraceEvent, knowledge: Knowledge): string {
  const encrypted = event.encrypted ? " encrypted" : "";
  const traceId = event.ipTraceId === 0n ? "" : ` [ ip-trace-id = ${event.ipTraceId} ]`;
  const where = `${pointText(event)}${encrypted} flow ${hash(event.hash)} `;
  const state = `state ${traceReasonName(event.reason)} ifindex ${knowledge.deviceName(event.ifindex)}`;
  return `${where}, ${identities(event, knowledge)}${traceId} ${state} orig-ip ${originalAddress(event)}: ${event.summary}`;
}

function formatVerdict(event: PolicyVerdictEvent, knowledge: Knowledge): string {
  return [
    `Policy verdict log: flow ${hash(event.hash)} local EP ID ${event.source}`,
    `remote ID ${knowledge.identityName(event.remoteIdentity)}`,
    `proto ${event.protocol}`,
    event.direction,
    `action ${event.action}`,
    `auth: ${authTypeName(event.authType)}`,
    `match ${policyMatchName(event.match)}`,
    ...(event.staged === undefined ? [] : [`staged ${event.staged.verdict}`]),
    event.summary,
  ].join(", ");
}

/** What stands in front of a trace line, by observation point. */
export function pointText({ observationPoint, destinationEndpoint, source }: TraceEvent): string {
  const fixed: Readonly<Record<number, string>> = {
    1: "-> proxy",
    2: "-> host from",
    3: "-> stack",
    4: "-> overlay",
    6: "<- proxy",
    7: "<- host",
    8: "<- stack",
    9: "<- overlay",
    10: "<- network",
    11: "-> network",
    12: "<- crypto",
    13: "-> crypto",
  };
  if (observationPoint === 0) return `-> endpoint ${destinationEndpoint}`;
  if (observationPoint === 1 && destinationEndpoint !== 0) return `-> proxy port ${destinationEndpoint}`;
  if (observationPoint === 5) return `<- endpoint ${source}`;
  return fixed[observationPoint] ?? `?? point ${observationPoint}`;
}

/** The reason's text, with the extended error where there is one. */
export function reasonText({ reason, extError }: DropEvent): string {
  return extError === 0 ? dropReasonText(reason) : `${dropReasonText(reason)}, ${extError}`;
}

/** `identity 4711->host`. */
export function identities(event: DropEvent | TraceEvent, knowledge: Knowledge): string {
  const [from, to] = [event.sourceIdentity, event.destinationIdentity].map((id) => knowledge.identityName(id));
  return `identity ${from}->${to}`;
}

/** Address before translation; the unspecified one when there was none. */
export function originalAddress({ originalAddress: address, ipv6 }: TraceEvent): string {
  return address ?? (ipv6 ? "::" : "0.0.0.0");
}

/** `0xabc`. */
export function hash(value: number): string {
  return `0x${value.toString(16)}`;
}

/** `01`. */
export function cpuText(cpu: number): string {
  return String(cpu).padStart(2, "0");
}
