// SPDX-License-Identifier: Apache-2.0
// How answers are written: JSON, text, streams of JSON lines, errors.
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { errorChain, type Logger, oneLine } from "../core/index.ts";
import { discardBody, hasBody } from "./body.ts";
import { ApiError } from "./errors.ts";
import { MethodError, type RouteResponse } from "./router.ts";

/** Media type of streams. */
export const jsonLines = "application/x-ndjson";

/** Resolves when the answer is written; a stream's when it ended or the client went away. */
export async function send(response: ServerResponse, { status, body, stream }: RouteResponse): Promise<void> {
  if (stream === undefined) response.end(writeHead(response, { status, body }));
  else await sendStream(response, status, stream);
}

/** Takes the next value only when the one before was taken by the kernel: a slow client holds nothing here. */
async function sendStream(response: ServerResponse, status: number, stream: AsyncIterable<unknown>): Promise<void> {
  response.writeHead(status, { "content-type": jsonLines });
  response.flushHeaders();
  for await (const value of stream) {
    if (response.destroyed) return;
    if (!response.write(`${JSON.stringify(value)}\n`)) await drained(response);
  }
  response.end();
}

async function drained(response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  const onClose = () => gone.abort();
  response.once("close", onClose);
  try {
    await once(response, "drain", { signal: gone.signal });
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    response.off("close", onClose);
  }
}

/** Writes the head and gives the text that belongs behind it. */
function writeHead(response: ServerResponse, { status, body }: RouteResponse): string {
  const plain = typeof body === "string";
  const text = body === undefined ? "" : plain ? body : `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": plain ? "text/plain; version=0.0.4" : "application/json",
    "content-length": Buffer.byteLength(text),
  });
  return text;
}

/** Gives the status that was sent. */
export function sendError(logger: Logger, request: IncomingMessage, response: ServerResponse, thrown: unknown): number {
  const expected = thrown instanceof ApiError;
  const status = expected ? thrown.status : 500;
  if (!expected) {
    const path = oneLine(request.url ?? "");
    logger.error("API call failed", { method: request.method, path, error: errorChain(thrown) });
  }
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return status;
  }
  if (thrown instanceof MethodError) response.setHeader("allow", thrown.allowed.join(", "));
  const answer = { status, body: { code: status, message: oneLine(errorChain(thrown)) } };
  if (request.complete || !hasBody(request)) {
    response.end(writeHead(response, answer));
    return status;
  }
  // The client is still sending: it gets the answer now, and the end of the connection when it has done so.
  response.setHeader("connection", "close");
  response.write(writeHead(response, answer));
  void discardBody(request).then(() => response.end());
  return status;
}

/** Answers what is no HTTP, or too much or too slow of it. */
export function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, text] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? [431, "Request Header Fields Too Large"]
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? [408, "Request Timeout"]
        : [400, "Bad Request"];
  const body = JSON.stringify({ code: status, message: `Cannot read request: ${text}` });
  socket.end(
    `HTTP/1.1 ${status} ${text}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
}
