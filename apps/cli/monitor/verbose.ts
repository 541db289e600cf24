// SPDX-License-Identifier: Apache-2.0
// The form of `-v`: a line of dashes, one about the event, then the packet layer by layer or as hex.
import { observationPointName, type Packet, type TraceEvent, traceReasonName } from "../../../src/datapath/index.ts";
import { cpuText, formatBrief, hash, identities, originalAddress, reasonText } from "./brief.ts";
import type { MonitorEvent } from "./event.ts";
import type { Knowledge } from "./knowledge.ts";
import { layersOf } from "./layers.ts";

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
function layers(packet: Packet): string[] {
  const lines = layersOf(packet).map(({ layer, fields }) => `${layer}\t${fields}`);
  return packet.truncated ? [...lines, "  Packet has been truncated"] : lines;
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
