// SPDX-License-Identifier: Apache-2.0
// Reads the agent's monitor socket.
import { createConnection } from "node:net";
import { AgentUnreachableError } from "./errors.ts";
import { RecordDecoder } from "./gob/decode.ts";
import type { MonitorRecord } from "./types.ts";

/**
 * Gives the records of the stream until the agent closes it or `signal` aborts, several at a time; the first
 * time none, as soon as the agent has answered.
 * Throws AgentUnreachableError when nobody answers, GobError when the stream is not one of records.
 */
export async function* readMonitor(socketPath: string, signal?: AbortSignal): AsyncGenerator<MonitorRecord[]> {
  const socket = createConnection(socketPath);
  const stop = (): void => void socket.destroy();
  signal?.addEventListener("abort", stop, { once: true });
  const decoder = new RecordDecoder();
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      yield decoder.push(chunk);
    }
    if (!signal?.aborted) decoder.end();
  } catch (error) {
    if (signal?.aborted) return;
    const code =
      (error as NodeJS.ErrnoException).syscall === undefined ? undefined : (error as NodeJS.ErrnoException).code;
    throw code === undefined ? error : new AgentUnreachableError(socketPath, code);
  } finally {
    signal?.removeEventListener("abort", stop);
    socket.destroy();
  }
}
