// SPDX-License-Identifier: Apache-2.0
// debuginfo as a document: markdown, HTML, JSON, jsonpath.
import type { DebugInfo } from "../../../src/api/index.ts";
import { UsageError } from "../errors.ts";
import { neutraliseLine } from "../output/escape.ts";
import { formatStructured, parseOutputFormat } from "../output/structured.ts";
import { debugSections, type Section } from "./sections.ts";

/** A document; `extension` is its file's. */
export interface Rendered {
  readonly extension: string;
  readonly text: string;
}

/** `format`: markdown, html, json or jsonpath=TEMPLATE. Throws UsageError. */
export async function renderDebugInfo(info: DebugInfo, format: string, now: number): Promise<Rendered> {
  if (format === "markdown") return { extension: "md", text: markdown(debugSections(info, now)) };
  if (format === "html") return { extension: "html", text: html(debugSections(info, now)) };
  const structured = format === "yaml" ? undefined : parseOutputFormat(format);
  if (structured === undefined || structured.kind === "text") {
    throw new UsageError(`Cannot use output "${format}": unknown (expected markdown, html, json or jsonpath=TEMPLATE)`);
  }
  return { extension: structured.kind, text: await formatStructured(structured, info) };
}

/** One section alone. */
export function renderSection(section: Section, format: "markdown" | "html"): Rendered {
  return format === "html"
    ? { extension: "html", text: html([section]) }
    : { extension: "md", text: markdown([section]) };
}

function markdown(sections: readonly Section[]): string {
  return `# Cilium debug information\n\n${sections.flatMap(withParts).map(block).join("\n")}`;
}

function block(section: Section): string {
  return `#### ${section.title}\n\n\`\`\`\n${textOf(section)}\`\`\`\n`;
}

function html(sections: readonly Section[]): string {
  const parts = sections
    .flatMap(withParts)
    .map(
      (section) =>
        `<h2 id="${section.name}">${escapeHtml(section.title)}</h2>\n<pre>${escapeHtml(textOf(section))}</pre>\n`,
    );
  const head = '<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8"><title>Cilium debug information</title></head>\n';
  return `${head}<body>\n<h1>Cilium debug information</h1>\n${parts.join("")}</body>\n</html>\n`;
}

function withParts(section: Section): readonly Section[] {
  return [section, ...(section.parts ?? [])];
}

/** Nothing in a line ends the block that it stands in. */
function textOf({ lines }: Section): string {
  return lines.map((line) => `${neutraliseLine(line).replace(/^(\s*)```/, "$1'''")}\n`).join("");
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
