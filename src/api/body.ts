// SPDX-License-Identifier: Apache-2.0
// Request bodies: bounded, JSON.
import type { IncomingMessage } from "node:http";
import { ApiError } from "./errors.ts";

/** Largest request body in bytes. */
export const maxBodyBytes = 10 * 1024 * 1024;

/** The parsed body; undefined when there is none. Throws ApiError 400 (not JSON) or 413 (too large). */
export async function readJsonBody(request: IncomingMessage, limit = maxBodyBytes): Promise<unknown> {
  // A body that is somewhat too large is read to its end, so that the client gets the answer and not a reset.
  const patience = limit * 4;
  if (Number(request.headers["content-length"] ?? 0) > patience) throw tooLarge(limit);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > patience) throw tooLarge(limit);
    if (size <= limit) chunks.push(chunk);
  }
  if (size > limit) throw tooLarge(limit);
  const text = Buffer.concat(chunks).toString("utf8");
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, `Cannot read request body: not JSON (${error instanceof Error ? error.message : "?"})`);
  }
}

function tooLarge(limit: number): ApiError {
  return new ApiError(413, `Cannot read request body: too large (at most ${limit} bytes)`);
}
