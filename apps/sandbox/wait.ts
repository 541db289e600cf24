// SPDX-License-Identifier: Apache-2.0
// Waiting for a condition that nobody announces.
import { setTimeout as sleep } from "node:timers/promises";

/** On slow machines (emulated ones) everything may take so many times as long. */
const patience = Number(process.env["CILIUM_SANDBOX_PATIENCE"] ?? 1);

/** Asks until it is true; false after `timeout` ms. Starts at 2 ms between two questions and slows down to 50. */
export async function waitFor(condition: () => boolean | Promise<boolean>, timeout: number): Promise<boolean> {
  const end = performance.now() + timeout * patience;
  for (let pause = 2; ; pause = Math.min(pause * 1.5, 50)) {
    if (await condition()) return true;
    if (performance.now() + pause > end) return false;
    await sleep(pause);
  }
}

/** Runs `work` for all items, at most `limit` at a time; results in order. Rejects with the first error, after all ended. */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  const errors: unknown[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      try {
        results[index] = await work(item);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (errors.length > 0) throw errors[0];
  return results;
}
