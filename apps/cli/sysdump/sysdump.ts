// SPDX-License-Identifier: Apache-2.0
// Makes a sysdump: collects items two at a time, takes secrets out, and hands each over as soon as it is there.
import { errorChain, toError } from "../../../src/core/index.ts";
import { collectItem } from "./collect.ts";
import { redactSecrets } from "./redact.ts";
import { CommandRunner } from "./runner.ts";
import type { Bounds, Collected, Content, Item } from "./types.ts";

const atOnce = 2;

export interface SysdumpOptions {
  readonly items: readonly Item[];
  readonly bounds: Bounds;
  /** Of the commands. */
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Takes what an item held, without secrets. */
  readonly write: (path: string, bytes: Buffer) => Promise<void>;
}

/** Gives how each item went, in their order. An item that fails is told of and stops nothing. */
export async function collectAll(options: SysdumpOptions): Promise<readonly Collected[]> {
  const { items, bounds } = options;
  const end = performance.now() + bounds.totalMs;
  const outcomes = new Map<Item, Collected>();
  const waiting = [...items];
  let left = bounds.totalBytes;
  const work = async () => {
    using runner = new CommandRunner(options.env);
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      const since = performance.now();
      const time = end - since;
      const room = { ...bounds, itemMs: Math.min(bounds.itemMs, time), itemBytes: Math.min(bounds.itemBytes, left) };
      const content = await contentOf(item, runner, options.signal, room);
      const bytes = Buffer.from(redactSecrets(content.bytes.toString("utf8")));
      left -= Math.min(left, content.bytes.length);
      if (bytes.length > 0) await options.write(item.path, bytes);
      const { truncated, error } = content;
      const went = { path: item.path, ms: Math.round(performance.now() - since), bytes: bytes.length, truncated };
      outcomes.set(item, error === undefined ? went : { ...went, error: redactSecrets(error) });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return items.flatMap((item) => outcomes.get(item) ?? []);
}

async function contentOf(item: Item, runner: CommandRunner, signal: AbortSignal, bounds: Bounds): Promise<Content> {
  const nothing = { bytes: Buffer.alloc(0), truncated: false };
  if (signal.aborted) return { ...nothing, error: "the sysdump was interrupted" };
  if (bounds.itemMs <= 0) return { ...nothing, error: "there was no time left" };
  if (bounds.itemBytes <= 0) return { ...nothing, error: "there was no room left" };
  try {
    return await collectItem(item, runner, bounds);
  } catch (error) {
    return { ...nothing, error: errorChain(toError(error)) };
  }
}
