// SPDX-License-Identifier: Apache-2.0
// Deletions that the CNI plugin could not bring to the agent because it was down; the agent does them after its start.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { CiliumError, replaceFile } from "../core/index.ts";
import type { EndpointRef } from "./types.ts";

const maxEntries = 256;
const suffix = ".delete";

/** What waits: one attachment of a container, or all of them. Cilium's own files have the container alone. */
export interface QueuedDelete {
  readonly "container-id": string;
  readonly "container-interface-name"?: string;
}

/** The queue's folder: beside the agent's socket. */
export function deleteQueueDirectory(agentSocket: string): string {
  return join(dirname(agentSocket), "deleteQueue");
}

/**
 * Keeps a deletion; once for each attachment however often it is asked for. Gives the file. After this the caller asks
 * the agent once more, and takes the file away if it answers: an agent that has just replayed does not look again.
 */
export function enqueueDelete(directory: string, request: QueuedDelete): string {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const text = JSON.stringify(request);
  const path = join(directory, `${createHash("sha256").update(text).digest("hex")}${suffix}`);
  const waiting = queued(directory);
  if (waiting.length >= maxEntries && !waiting.includes(path)) {
    throw new CiliumError(`Cannot queue deletion in "${directory}": ${maxEntries} are waiting (start the agent)`, {
      code: "EDQUOT",
    });
  }
  replaceFile(path, text, { durable: true, shared: true });
  return path;
}

/**
 * Does the waiting deletions and removes their files. The agent calls it once its socket answers. A file whose deletion
 * fails stays; one that cannot be read is removed. `remove` must not fail when there is no such endpoint. Gives how many were done and what went wrong.
 */
export async function replayDeleteQueue(
  directory: string,
  remove: (ref: EndpointRef) => Promise<void>,
): Promise<{ done: number; errors: string[] }> {
  const errors: string[] = [];
  let done = 0;
  for (const path of queued(directory)) {
    const request = readRequest(path);
    if (request === undefined) {
      errors.push(`Cannot read queued deletion "${path}": not a deletion (removed)`);
      rmSync(path, { force: true });
      continue;
    }
    try {
      await remove(request);
      rmSync(path, { force: true });
      done++;
    } catch (error) {
      errors.push(`Cannot replay deletion "${path}": ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { done, errors };
}

function queued(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith(suffix));
    return names.sort().map((name) => join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function readRequest(path: string): EndpointRef | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as Partial<Record<keyof QueuedDelete, unknown>>;
    const containerId = value["container-id"];
    const interfaceName = value["container-interface-name"];
    if (typeof containerId !== "string" || containerId === "") return undefined;
    if (typeof interfaceName !== "string") return { kind: "container-id", value: containerId };
    return { kind: "cni-attachment-id", containerId, interfaceName };
  } catch {
    return undefined;
  }
}
