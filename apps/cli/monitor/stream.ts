// SPDX-License-Identifier: Apache-2.0
// The monitor's records over restarts of the agent.
import { setTimeout as sleep } from "node:timers/promises";
import { AgentUnreachableError, type MonitorRecord, readMonitor } from "../../../src/api/index.ts";
import { CiliumError } from "../../../src/core/index.ts";

/** How long a stopped agent is waited for, and how often it is looked for, in milliseconds. */
const patience = 12_000;
const interval = 250;

/**
 * Records until `signal` aborts; the first time none, as soon as the agent has answered. When the agent closes the
 * stream, `onClosed` is called and the next agent on that socket goes on. Throws AgentUnreachableError when nobody
 * answers at first, CiliumError when nobody comes back in time, or who answers says nothing at all.
 */
export async function* followMonitor(
  socket: string,
  signal: AbortSignal,
  onClosed: () => void,
): AsyncGenerator<MonitorRecord[]> {
  let deadline: number | undefined;
  while (!signal.aborted) {
    let answered = false;
    try {
      for await (const records of readMonitor(socket, signal)) {
        answered = true;
        yield records;
      }
    } catch (error) {
      if (!(error instanceof AgentUnreachableError) || deadline === undefined) throw error;
    }
    if (signal.aborted) return;
    if (answered) {
      onClosed();
      deadline = performance.now() + patience;
    } else if (deadline === undefined || performance.now() > deadline) {
      throw new CiliumError(`Cannot go on: the agent closed "${socket}" (was it stopped?)`);
    }
    await sleep(interval, undefined, { signal }).catch(() => undefined);
  }
}
