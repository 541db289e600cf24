// SPDX-License-Identifier: Apache-2.0
// The form of `-j`: field names as Cilium's monitor has them.
import {
  authTypeName,
  type DropEvent,
  dropReasonText,
  fileName,
  observationPointName,
  type Packet,
  type PolicyVerdictEvent,
  policyMatchName,
  type TraceEvent,
  traceReasonName,
  translationPointName,
} from "../../../src/datapath/index.ts";
import { cpuText, debugText, hash, originalAddress, pointText, reasonText } from "./brief.ts";
import { agentKind, type MonitorEvent } from "./event.ts";
import type { Knowledge } from "./knowledge.ts";
import { layersOf } from "./layers.ts";

/** The object of an event. */
export function eventModel(cpu: number, event: MonitorEvent, knowledge: Knowledge): Record<string, unknown> {
  if (event.type === "agent") return { type: "agent", subtype: agentKind(event), message: messageOf(event.text) };
  const prefix = { cpu: `CPU ${cpuText(cpu)}:`, type: event.type };
  switch (event.type) {
    case "drop":
      return { ...prefix, ...dropModel(event) };
    case "trace":
      return { ...prefix, ...traceModel(event, knowledge) };
    case "policy-verdict":
      return { ...prefix, ...verdictModel(event) };
    case "debug":
      return { ...prefix, mark: hash(event.hash), source: event.source, message: debugText(event) };
    case "capture": {
      const { source, originalLength: bytes, summary } = event;
      return { ...prefix, mark: hash(event.hash), source, bytes, summary };
    }
    case "trace-sock": {
      const { point, cgroupId, socketCookie, destination: dstIP, port: dstPort, protocol: l4Proto } = event;
      const ids = { cgroupID: String(cgroupId), sockCookie: String(socketCookie) };
      return { ...prefix, xlatePoint: translationPointName(point), ...ids, dstIP, dstPort, l4Proto };
    }
    case "unknown":
      return { ...prefix, number: event.number, bytes: event.bytes.length };
  }
}

function dropModel(event: DropEvent): Record<string, unknown> {
  return {
    mark: hash(event.hash),
    reason: reasonText(event),
    source: event.source,
    bytes: event.originalLength,
    srcLabel: event.sourceIdentity,
    dstLabel: event.destinationIdentity,
    dstID: event.destinationEndpoint,
    Line: event.line,
    File: fileName(event.file),
    ExtError: event.extError,
    Ifindex: event.ifindex,
    IPTraceID: Number(event.ipTraceId),
    summary: packetModel(event.packet),
  };
}

function traceModel(event: TraceEvent, knowledge: Knowledge): Record<string, unknown> {
  return {
    mark: hash(event.hash),
    ifindex: knowledge.deviceName(event.ifindex),
    state: traceReasonName(event.reason),
    observationPoint: observationPointName(event.observationPoint),
    traceSummary: pointText(event),
    source: event.source,
    bytes: event.originalLength,
    srcLabel: event.sourceIdentity,
    dstLabel: event.destinationIdentity,
    dstID: event.destinationEndpoint,
    origIP: originalAddress(event),
    IpTraceID: Number(event.ipTraceId),
    summary: packetModel(event.packet),
  };
}

function verdictModel(event: PolicyVerdictEvent): Record<string, unknown> {
  return {
    mark: hash(event.hash),
    source: event.source,
    remoteLabel: event.remoteIdentity,
    direction: event.direction,
    action: event.action,
    ...(event.verdict < 0 ? { reason: dropReasonText(-event.verdict) } : {}),
    match: policyMatchName(event.match),
    ...(event.staged && { staged: event.staged.verdict }),
    auth: authTypeName(event.authType),
    proto: event.protocol,
    dport: event.destinationPort,
    bytes: event.originalLength,
    summary: packetModel(event.packet),
  };
}

/** The text is the agent's word; one that is no JSON stays a text. */
function messageOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Layers as text, and who talks to whom. */
function packetModel(packet: Packet): Record<string, unknown> {
  const { ethernet, ip, transport } = packet;
  const flow = (source: string | number, destination: string | number) => ({
    src: String(source),
    dst: String(destination),
  });
  return {
    ...Object.fromEntries(layersOf(packet).map(({ layer, fields }) => [layer.toLowerCase(), `${layer}\t${fields}`])),
    ...(ethernet && { l2: flow(ethernet.source, ethernet.destination) }),
    ...(ip && { l3: flow(ip.source, ip.destination) }),
    ...(transport && "sourcePort" in transport && { l4: flow(transport.sourcePort, transport.destinationPort) }),
  };
}
