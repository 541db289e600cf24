// SPDX-License-Identifier: Apache-2.0
// The form of `-v`: a line of dashes, one about the event, then the packet layer by layer or as hex.
import {
  observationPointName,
  type Packet,
  protocolName,
  type TraceEvent,
  traceReasonName,
} from "../../../src/datapath/index.ts";
import { cpuText, formatBrief, hash, identities, originalAddress, reasonText } from "./brief.ts";
import type { MonitorEvent } from "./event.ts";
import type { Knowledge } from "./knowledge.ts";

const separator = "-".repeat(78);

/** Lines of an event. */
export function formatVerbose(cpu: number, event: MonitorEvent, hex: boolean, knowledge: Knowledge): string[] {
  if (!("packet" in event)) return [formatBrief(cpu, event, knowledge)];
  const lines = [separator, headLine(cpu, event, knowledge)];
  return [...lines, ...(hex ? hexDump(event.captured) : layers(event.packet))];
}

function headLine(cpu: number, event: Extract<MonitorEvent, { packet: Packet }>, knowledge: Knowledge): string {
  const start = `CPU ${cpuText(cpu)}: MARK ${hash(event.hash)} FROM ${event.source}`;
  const size = `${event.originalLength} bytes`;
  switch (event.type) {
    case "drop": {
      const to = event.destinationEndpoint === 0 ? "" : `, to endpoint ${event.destinationEndpoint}`;
      return `${start} DROP: ${size}, reason ${reasonText(event)}, ${identities(event, knowledge)}${to}`;
    }
    case "trace":
      return `${start} ${traceText(event, size, knowledge)}`;
    case "policy-verdict":
      return `${start} POLICY: ${size}, ${formatBrief(cpu, event, knowledge)}`;
    case "capture":
      return `${start} CAPTURE: ${size}, point ${event.subtype}`;
  }
}

function traceText(event: TraceEvent, size: string, knowledge: Knowledge): string {
  const captured = `${size} (${event.captured.length} captured)`;
  const device = event.ifindex === 0 ? "" : `, interface ${knowledge.deviceName(event.ifindex)}`;
  const original = event.originalAddress === undefined ? "" : `, orig-ip ${originalAddress(event)}`;
  const to = event.destinationEndpoint === 0 ? "" : `, to endpoint ${event.destinationEndpoint}`;
  const state = `state ${traceReasonName(event.reason)}`;
  const point = observationPointName(event.observationPoint);
  return `${point}: ${captured}, ${state}${device}, , ${identities(event, knowledge)}${original}${to}`;
}

/** One line a layer. */
function layers({ ethernet, arp, ip, transport, truncated }: Packet): string[] {
  const lines: string[] = [];
  if (ethernet !== undefined) {
    const { source, destination, etherType } = ethernet;
    lines.push(`Ethernet\t{SrcMAC=${source} DstMAC=${destination} EthernetType=0x${etherType.toString(16)}}`);
  }
  if (arp !== undefined) {
    const sender = `SourceHwAddress=${arp.senderMac} SourceProtAddress=${arp.senderIp}`;
    lines.push(
      `ARP\t{Operation=${arp.operation} ${sender} DstHwAddress=${arp.targetMac} DstProtAddress=${arp.targetIp}}`,
    );
  }
  if (ip !== undefined) {
    const hops = ip.version === 4 ? `TTL=${ip.ttl}` : `HopLimit=${ip.hopLimit}`;
    const addresses = `SrcIP=${ip.source} DstIP=${ip.destination}`;
    lines.push(`IPv${ip.version}\t{Length=${ip.length} ${hops} Protocol=${protocolName(ip.protocol)} ${addresses}}`);
  }
  if (transport !== undefined) lines.push(transportLine(transport));
  if (truncated) lines.push("  (cut off)");
  return lines;
}

function transportLine(transport: NonNullable<Packet["transport"]>): string {
  switch (transport.kind) {
    case "tcp": {
      const flags = Object.entries(transport.flags).flatMap(([name, on]) => (on ? [name.toUpperCase()] : []));
      const ports = `SrcPort=${transport.sourcePort} DstPort=${transport.destinationPort}`;
      const numbers = `Seq=${transport.sequence} Ack=${transport.acknowledgment} Window=${transport.window}`;
      return `TCP\t{${ports} ${numbers} Flags=${flags.join(",")}}`;
    }
    case "udp":
      return `UDP\t{SrcPort=${transport.sourcePort} DstPort=${transport.destinationPort} Length=${transport.length}}`;
    case "sctp":
      return `SCTP\t{SrcPort=${transport.sourcePort} DstPort=${transport.destinationPort}}`;
    case "icmp4":
    case "icmp6": {
      const echo = transport.id === undefined ? "" : ` Id=${transport.id} Seq=${transport.sequence ?? 0}`;
      return `ICMPv${transport.kind.slice(4)}\t{TypeCode=${transport.type}(${transport.code})${echo}}`;
    }
    case "other":
      return `${protocolName(transport.protocol)}\t{}`;
  }
}

/** Sixteen bytes a line: offset, hex in two halves, text. */
function hexDump(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const cells = row.map((byte) => byte.toString(16).padStart(2, "0"));
    const hex = `${cells.slice(0, 8).join(" ").padEnd(23)}  ${cells.slice(8).join(" ").padEnd(23)}`;
    const text = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex}  |${text}|`);
  }
  return lines;
}
