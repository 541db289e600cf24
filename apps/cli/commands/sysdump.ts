// SPDX-License-Identifier: Apache-2.0
// sysdump: everything that helps to find a node's fault, in one archive without secrets.
import { once } from "node:events";
import { createWriteStream, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { CiliumError, parseDuration, toError } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, flag, listOption, textOption } from "../define.ts";
import { UsageError } from "../errors.ts";
import { sysdumpItems } from "../sysdump/items.ts";
import { collectAll } from "../sysdump/sysdump.ts";
import { tarEnd, tarEntry } from "../sysdump/tar.ts";
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
  await using out = directory === undefined ? await archive(`${name}.tar.gz`, now) : folder(resolve(directory));
  const items = sysdumpItems({
    stateDir: dirname(context.agentSocket),
    logs: listOption(call, "logFile"),
    monitorMs: milliseconds(call, "monitorDuration"),
    quick: flag(call, "quick"),
  });
  const outcomes = await collectAll({
    ...{ items, bounds: boundsOf(call), signal: context.io.signal, write: out.write },
    env: { ...process.env, ...context.io.env, CILIUM_SOCK: context.agentSocket },
  });
  await out.write(
    "sysdump.json",
    Buffer.from(`${JSON.stringify({ time: new Date(now).toISOString(), items: outcomes }, null, 1)}\n`),
  );
  context.print(summary(out.path, outcomes));
  if (outcomes.every(({ bytes }) => bytes === 0))
    throw new CiliumError("Cannot make sysdump: nothing could be collected");
}

/** Where files go; nothing of it is anybody else's business. */
interface Output extends AsyncDisposable {
  readonly path: string;
  readonly write: (path: string, bytes: Buffer) => Promise<void>;
}

function folder(path: string): Output {
  return {
    path,
    async write(name, bytes) {
      const file = join(path, name);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(file, bytes, { mode: 0o600 });
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

async function archive(path: string, now: number): Promise<Output> {
  const file = createWriteStream(path, { mode: 0o600 });
  await once(file, "open");
  const gzip = createGzip();
  const written = pipeline(gzip, file).catch((error: unknown) => {
    rmSync(path, { force: true });
    throw new CiliumError(`Cannot write "${path}": ${toError(error).message} (the archive is removed)`);
  });
  // Whoever writes or closes next gets it.
  written.catch(() => {});
  const top = path.replace(/^.*\//, "").replace(/\.tar\.gz$/, "");
  return {
    path: resolve(path),
    async write(name, bytes) {
      if (gzip.destroyed) await written;
      if (gzip.write(tarEntry(`${top}/${name}`, bytes, Math.floor(now / 1000)))) return;
      await Promise.race([once(gzip, "drain"), written]);
    },
    async [Symbol.asyncDispose]() {
      gzip.end(tarEnd);
      await written;
    },
  };
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
