// SPDX-License-Identifier: Apache-2.0
// cilium-bugtool: the sysdump of this node under the name, the flags and the last line that cilium-cli knows.
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDuration } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, textOption } from "../define.ts";
import { UsageError } from "../errors.ts";
import { collectNode, refuseEmpty } from "../sysdump/node.ts";
import { archive, folder } from "../sysdump/output.ts";
import { timestamp } from "../time.ts";

const accepted = "accepted for compatibility";
const mebibyte = 1024 * 1024;

export const bugtool: CommandSpec = {
  usage: "bugtool",
  summary: "Collect what helps to find a fault of this node, without secrets, in an archive",
  plain: true,
  hidden: true,
  options: [
    ["--archive <bool>", "make an archive; false: a folder", "true"],
    ["--archive-prefix <text>", "what the archive's name begins with"],
    ["-o, --archiveType <type>", "tar or gz", "tar"],
    ["-t, --tmp <dir>", "where to; - is stdout", "/tmp"],
    ["--exec-timeout <time>", "most time for one item", "30s"],
    ["--exclude-object-files", `${accepted}: none are collected`],
    ["--k8s-mode", accepted],
    ["--k8s-namespace <name>", accepted],
    ["--k8s-label <label>", accepted],
  ],
  run: makeBugtool,
};

async function makeBugtool(context: Context, call: Call): Promise<void> {
  const type = textOption(call, "archiveType") ?? "tar";
  if (type !== "tar" && type !== "gz")
    throw new UsageError(`Cannot make archive: type "${type}" is unknown (expected tar or gz)`);
  const target = textOption(call, "tmp") ?? "/tmp";
  const toStdout = target === "-";
  const now = context.io.now();
  const prefix = textOption(call, "archivePrefix");
  const name = `${prefix === undefined ? "" : `${prefix}-`}cilium-bugtool-${timestamp(now)}`;
  const isFolder = textOption(call, "archive") === "false" && !toStdout;
  const place = toStdout ? mkdtempSync(join(tmpdir(), "cilium-bugtool-")) : target;
  const path = join(place, isFolder ? name : `${name}.tar${type === "gz" ? ".gz" : ""}`);
  try {
    {
      await using out = isFolder ? folder(path) : await archive(path, now, { gzip: type === "gz" });
      refuseEmpty(await collectNode(context, out, { logs: [], quick: false, monitorMs: 2000, bounds: boundsOf(call) }));
    }
    if (toStdout) await copyOut(path);
    // cilium-cli looks for the one or the other, by its version.
    else
      context.print(
        isFolder ? [`DIRECTORY at ${path}`] : [`ARCHIVE at ${path}`, ...(type === "gz" ? [`GZIP at ${path}`] : [])],
      );
  } finally {
    if (toStdout) rmSync(place, { recursive: true, force: true });
  }
}

/** Bytes, not text: past what prints lines. */
async function copyOut(path: string): Promise<void> {
  for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
    if (!process.stdout.write(part)) await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
}

function boundsOf(call: Call) {
  const text = textOption(call, "execTimeout") ?? "30s";
  const itemMs = parseDuration(text);
  if (itemMs === undefined || itemMs === 0)
    throw new UsageError(`Cannot make archive: exec-timeout "${text}" is not a duration such as 30s`);
  return { itemBytes: 5 * mebibyte, totalBytes: 200 * mebibyte, itemMs, totalMs: 5 * 60_000 };
}
