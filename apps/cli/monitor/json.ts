// SPDX-License-Identifier: Apache-2.0
// The form of `-j`: field names as Cilium's monitor has them.
import {
  authTypeName,
  type DatapathEvent,
  dropReasonText,
  fileName,
  observationPointName,
  type Packet,
  policyMatchName,
  traceReasonName,
} from "../../../src/datapath/index.ts";
import { hash, originalAddress, reasonText } from "./brief.ts";
import type { Knowledge } from "./knowledge.ts";

/** The object of an event. */
export function eventModel(cpu: number, event: DatapathEvent, knowledge: Knowledge): Record<string, unknown> {
  const prefix = `CPU ${String(cpu).padStart(2, "0")}:`;
  switch (event.type) {
    case "drop":
      return {
        cpu: prefix,
        type: "drop",
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
    case "trace":
      return {
        cpu: prefix,
        type: "trace",
        mark: hash(event.hash),
        ifindex: knowledge.deviceName(event.ifindex),
        state: traceReasonName(event.reason),
        observationPoint: observationPointName(event.observationPoint),
        traceSummary: event.summary,
        source: event.source,
        bytes: event.originalLength,
        srcLabel: event.sourceIdentity,
        dstLabel: event.destinationIdentity,
        dstID: event.destinationEndpoint,
        origIP: originalAddress(event),
        IpTraceID: Number(event.ipTraceId),
        summary: packetModel(event.packet),
      };
    case "policy-verdict":
      return {
        cpu: prefix,
        type: "policy-verdict",
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
    case "debug":
      return { cpu: prefix, type: "debug", mark: hash(event.hash), source: event.source, args: event.args };
    case "capture":
      return { cpu: prefix, type: "capture", source: event.source, summary: packetModel(event.packet) };
    case "unknown":
      return { cpu: prefix, type: "unknown", number: event.number, bytes: event.bytes.length };
  }
}

/** Layers as text, and who talks to whom. */
function packetModel({ ethernet, ip, transport }: Packet): Record<string, unknown> {
  const model: Record<string, unknown> = {};
  if (ethernet !== undefined) {
    model.ethernet = `${ethernet.source} -> ${ethernet.destination}`;
    model.l2 = { src: ethernet.source, dst: ethernet.destination };
  }
  if (ip !== undefined) {
    model[ip.version === 4 ? "ipv4" : "ipv6"] = `${ip.source} -> ${ip.destination}`;
    model.l3 = { src: ip.source, dst: ip.destination };
  }
  if (transport === undefined || transport.kind === "other") return model;
  if ("sourcePort" in transport) {
    model[transport.kind] = `${transport.sourcePort} -> ${transport.destinationPort}`;
    model.l4 = { src: String(transport.sourcePort), dst: String(transport.destinationPort) };
  } else model[transport.kind === "icmp4" ? "icmpv4" : "icmpv6"] = `${transport.type}(${transport.code})`;
  return model;
}
