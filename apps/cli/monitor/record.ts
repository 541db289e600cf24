// SPDX-License-Identifier: Apache-2.0
// A record of the monitor stream as text, in the form that was asked for.
import type { MonitorRecord } from "../../../src/api/index.ts";
import { neutraliseJson, neutraliseLine } from "../output/escape.ts";
import { cpuText, formatBrief } from "./brief.ts";
import { dropDetails, dropDetailsModel } from "./drop-details.ts";
import type { MonitorEvent } from "./event.ts";
import { eventModel } from "./json.ts";
import type { Knowledge } from "./knowledge.ts";
import { formatVerbose } from "./verbose.ts";
import { verdictDetails, verdictDetailsModel } from "./verdict-details.ts";

export type MonitorForm =
  | { readonly kind: "brief"; readonly hex: boolean }
  | { readonly kind: "verbose"; readonly hex: boolean }
  | { readonly kind: "json" };

/** One line, or several; ends with a newline. */
export async function formatRecord(
  record: MonitorRecord,
  event: MonitorEvent,
  form: MonitorForm,
  knowledge: Knowledge,
): Promise<string> {
  if (form.kind === "json") {
    const details = knowledge.numeric ? {} : await detailsModel(event, knowledge);
    const model = { ...eventModel(record.cpu, event, knowledge), ...details };
    return `${neutraliseJson(JSON.stringify(model))}\n`;
  }
  const lines =
    form.kind === "brief"
      ? [formatBrief(record.cpu, event, knowledge)]
      : formatVerbose(record.cpu, event, form.hex, knowledge);
  if (!knowledge.numeric) lines.push(...(await details(event, knowledge)));
  return lines.map((line) => `${neutraliseLine(line)}\n`).join("");
}

async function details(event: MonitorEvent, knowledge: Knowledge): Promise<readonly string[]> {
  if (event.type === "drop") return dropDetails(event, knowledge);
  return event.type === "policy-verdict" ? verdictDetails(event, knowledge) : [];
}

async function detailsModel(event: MonitorEvent, knowledge: Knowledge): Promise<Readonly<Record<string, unknown>>> {
  if (event.type === "drop") return dropDetailsModel(event, knowledge);
  return event.type === "policy-verdict" ? verdictDetailsModel(event, knowledge) : {};
}

/** That events are missing here. */
export function formatLost({ cpu, lost }: MonitorRecord, form: MonitorForm): string {
  return form.kind === "json"
    ? `${JSON.stringify({ type: "lost", cpu, lost })}\n`
    : `CPU ${cpuText(cpu)}: Lost ${lost} events\n`;
}
