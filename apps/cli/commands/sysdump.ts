// SPDX-License-Identifier: Apache-2.0
// sysdump: everything that helps to find a node's fault, in one archive without secrets.
import { resolve } from "node:path";
import { parseDuration } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, flag, listOption, textOption } from "../define.ts";
import { UsageError } from "../errors.ts";
import { collectNode, refuseEmpty } from "../sysdump/node.ts";
import { archive, folder } from "../sysdump/output.ts";
import type { Bounds, Collected } from "../sysdump/types.ts";
import { timestamp } from "../time.ts";

const mebibyte = 1024 * 1024;

export const sysdump: CommandSpec = {
  usage: "sysdump",
  summary: "Collect what helps to find a fault of this node, without secrets, in a tar.gz or a folder",
  plain: true,
  options: [
    ["--output-filename <name>", "archive, without .tar.gz (default: cilium-sysdump-TIME)"],
    ["--output-directory <dir>", "write a folder of files instead of an archive"],
    ["--quick", "without maps, logs and events"],
    ["--monitor-duration <time>", "how long to collect events", "2s"],
    ["--timeout <time>", "most time for everything", "2m"],
    ["--item-timeout <time>", "most time for one item", "15s"],
    ["--item-size <MiB>", "most of one item; the rest is cut off", "5"],
    ["--max-size <MiB>", "most of all items together", "200"],
  ],
  repeated: [["--log-file <path>", "further log files"]],
  run: makeSysdump,
};

async function makeSysdump(context: Context, call: Call): Promise<void> {
  const now = context.io.now();
  const name = textOption(call, "outputFilename") ?? `cilium-sysdump-${timestamp(now)}`;
  const directory = textOption(call, "outputDirectory");
  await using out =
    directory === undefined ? await archive(`${name}.tar.gz`, now, { gzip: true }) : folder(resolve(directory));
  const outcomes = await collectNode(context, out, {
    ...{ logs: listOption(call, "logFile"), quick: flag(call, "quick"), bounds: boundsOf(call) },
    monitorMs: milliseconds(call, "monitorDuration"),
  });
  context.print(summary(out.path, outcomes));
  refuseEmpty(outcomes);
}

function summary(path: string, outcomes: readonly Collected[]): string[] {
  const failed = outcomes.filter(({ error }) => error !== undefined);
  const cut = outcomes.filter(({ truncated }) => truncated);
  return [
    `Collected ${outcomes.length - failed.length} of ${outcomes.length} items in ${path}`,
    ...failed.map(({ path: item, error = "" }) => `  ${item}: ${error}`),
    ...cut.map(({ path: item }) => `  ${item}: cut off, it is too large`),
  ];
}

function boundsOf(call: Call): Bounds {
  return {
    itemBytes: size(call, "itemSize"),
    totalBytes: size(call, "maxSize"),
    itemMs: milliseconds(call, "itemTimeout"),
    totalMs: milliseconds(call, "timeout"),
  };
}

function milliseconds(call: Call, name: string): number {
  const text = textOption(call, name) ?? "";
  const parsed = parseDuration(text);
  if (parsed !== undefined) return parsed;
  throw new UsageError(`Cannot make sysdump: ${name} "${text}" is not a duration such as 15s`);
}

function size(call: Call, name: string): number {
  const text = textOption(call, name) ?? "";
  if (/^\d{1,6}(\.\d+)?$/.test(text) && Number(text) > 0) return Math.floor(Number(text) * mebibyte);
  throw new UsageError(`Cannot make sysdump: ${name} "${text}" is not a number of MiB above 0`);
}
