// SPDX-License-Identifier: Apache-2.0
// Collects one item, within its bounds.
import { open } from "node:fs/promises";
import { CiliumError } from "../../../src/core/index.ts";
import type { CommandRunner } from "./runner.ts";
import type { Bounds, Content, Item } from "./types.ts";

/** Rejects when nothing of it could be had. */
export async function collectItem(item: Item, runner: CommandRunner, bounds: Bounds): Promise<Content> {
  if ("command" in item) return runner.run(item, bounds);
  if ("file" in item) return tailOf(item.file, bounds.itemBytes);
  const made = Buffer.from(await inTime(Promise.resolve(item.read()), bounds.itemMs));
  return { bytes: made.subarray(0, bounds.itemBytes), truncated: made.length > bounds.itemBytes };
}

/** The newest bytes of a file, from a line's beginning. */
async function tailOf(path: string, most: number): Promise<Content> {
  await using file = await open(path);
  const { size } = await file.stat();
  // Files of /proc say that they are empty.
  if (size === 0) {
    const all = await file.readFile();
    return { bytes: all.subarray(0, most), truncated: all.length > most };
  }
  const length = Math.min(size, most);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
  const bytes = buffer.subarray(0, bytesRead);
  if (size <= most) return { bytes, truncated: false };
  return { bytes: bytes.subarray(bytes.indexOf("\n") + 1), truncated: true };
}

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new CiliumError(`it was not there after ${ms} ms`)), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
