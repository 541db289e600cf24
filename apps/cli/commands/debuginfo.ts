// SPDX-License-Identifier: Apache-2.0
// debuginfo: what the agent knows, as one document or several.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DebugInfo } from "../../../src/api/index.ts";
import type { Context } from "../context.ts";
import { renderDebugInfo, renderSection } from "../debuginfo/render.ts";
import { debugSections } from "../debuginfo/sections.ts";
import { type Call, type CommandSpec, flag, textOption } from "../define.ts";
import { UsageError } from "../errors.ts";
import { timestamp } from "../time.ts";

export const debuginfo: CommandSpec = {
  usage: "debuginfo",
  summary: "Print what the agent knows, for finding faults; secrets are redacted",
  plain: true,
  options: [
    ["-f, --file", "write files instead"],
    ["--file-per-command", "write a file for each part"],
    ["--output-directory <dir>", "folder for the files (default: where the command runs)"],
  ],
  repeated: [["-o, --output <format>", "markdown (default), html, json or jsonpath=TEMPLATE"]],
  run: async (context, call) => {
    const info = await context.client().debugInfo();
    if (flag(call, "filePerCommand")) await writeSections(context, call, info);
    else await writeDocuments(context, call, info);
  },
};

async function writeDocuments(context: Context, call: Call, info: DebugInfo): Promise<void> {
  const now = context.io.now();
  const asked = formats(call);
  const toFile = flag(call, "file") || textOption(call, "outputDirectory") !== undefined;
  for (const format of asked.length === 0 ? ["markdown"] : asked) {
    const { extension, text } = await renderDebugInfo(info, format, now);
    const name = format.replace(/=.*$/s, "");
    if (toFile) await write(context, call, name, `${fileStem(now)}.${extension}`, text);
    else context.io.stdout(text);
  }
}

/** A jsonpath may hold commas; between others they separate. */
function formats({ options }: Call): readonly string[] {
  const given = Array.isArray(options.output) ? options.output.map(String) : [];
  return given.flatMap((each) => (each.startsWith("jsonpath=") ? [each] : each.split(",")));
}

async function writeSections(context: Context, call: Call, info: DebugInfo): Promise<void> {
  const now = context.io.now();
  const asked = formats(call);
  for (const format of asked.length === 0 ? (["markdown"] as const) : asked) {
    if (format !== "markdown" && format !== "html") {
      throw new UsageError(`Cannot write a file for each part as "${format}": expected markdown or html`);
    }
    for (const section of debugSections(info, now)) {
      const { extension, text } = renderSection(section, format);
      await write(context, call, format, `${fileStem(now)}-${section.name}.${extension}`, text);
    }
  }
}

/** As Cilium's, with the zone: `cilium-debuginfo-20260102-120000.5+0000-UTC`. */
function fileStem(now: number): string {
  const fraction = (now % 1000) / 1000;
  return `cilium-debuginfo-${timestamp(now)}${fraction === 0 ? "" : String(fraction).slice(1)}+0000-UTC`;
}

async function write(context: Context, call: Call, format: string, name: string, text: string): Promise<void> {
  const directory = textOption(call, "outputDirectory") ?? ".";
  await mkdir(directory, { recursive: true });
  const path = join(directory, name);
  await writeFile(path, text, { mode: 0o600 });
  context.print([`${format} output at ${path}`]);
}
