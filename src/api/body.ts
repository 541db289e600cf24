// SPDX-License-Identifier: Apache-2.0
// Request bodies: JSON, bounded in size, in depth, and in what all of them take together.
import type { IncomingMessage } from "node:http";
import { ApiError } from "./errors.ts";

/** Largest request body in bytes. */
const maxBodyBytes = 10 * 1024 * 1024;
/** Deepest nesting: code that walks a value recursively must not run out of stack. */
const maxBodyDepth = 64;
/** What the bodies of all requests under way may have together, in bytes. */
const maxBytesTogether = 64 * 1024 * 1024;
/** How much of a refused body is read and thrown away, so that the client gets the answer and not a reset. */
const patienceBytes = 256 * 1024 * 1024;
const patienceMs = 5000;
const idleMs = 500;

/** Counts the bytes of the bodies under way. */
export class BodyBudget {
  #used = 0;

  /** False when there is no room; else the caller gives them back with `release`. */
  take(bytes: number): boolean {
    if (this.#used + bytes > maxBytesTogether) return false;
    this.#used += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#used -= bytes;
  }
}

/** The body of one request, read when it is first asked for. Dispose it when the request is done. */
export class RequestBody implements Disposable {
  readonly #request: IncomingMessage;
  readonly #budget: BodyBudget;
  #size = 0;
  #value: Promise<unknown> | undefined;

  constructor(request: IncomingMessage, budget: BodyBudget) {
    this.#request = request;
    this.#budget = budget;
  }

  /** The parsed value; undefined for an empty body. Rejects with ApiError 400 (not JSON), 413 (too large), 415 (another type) or 503. */
  read(): Promise<unknown> {
    this.#value ??= this.#bytes().then(parseJson);
    return this.#value;
  }

  [Symbol.dispose](): void {
    this.#budget.release(this.#size);
    this.#size = 0;
  }

  async #bytes(): Promise<Buffer> {
    if (hasBody(this.#request)) checkType(this.#request.headers["content-type"]);
    if (Number(this.#request.headers["content-length"] ?? 0) > maxBodyBytes) throw tooLarge();
    const chunks: Buffer[] = [];
    const iterator = this.#request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    try {
      for await (const chunk of iterator) {
        if (this.#size + chunk.length > maxBodyBytes) throw tooLarge();
        if (!this.#budget.take(chunk.length)) {
          throw new ApiError(503, "Cannot read request body: too many large requests at once (try again later)");
        }
        this.#size += chunk.length;
        chunks.push(chunk);
      }
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw new ApiError(499, "Cannot read request body: the client went away", error);
    }
    return Buffer.concat(chunks);
  }
}

/** Whether the head announces a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Reads what is left of a refused body as long as it comes, up to a limit of bytes and time. Never rejects. */
export function discardBody(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let left = patienceBytes;
    const done = (): void => {
      clearTimeout(end);
      clearTimeout(idle);
      request.off("data", count).pause();
      resolve();
    };
    const count = (chunk: Buffer): void => {
      left -= chunk.length;
      idle.refresh();
      if (left < 0) done();
    };
    const end = setTimeout(done, patienceMs);
    const idle = setTimeout(done, idleMs);
    request.on("data", count).once("end", done).once("close", done).once("error", done);
  });
}

function parseJson(bytes: Buffer): unknown {
  if (depthOf(bytes) > maxBodyDepth) {
    throw new ApiError(400, `Cannot read request body: nested too deep (at most ${maxBodyDepth} levels)`);
  }
  const text = bytes.toString("utf8");
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, `Cannot read request body: not JSON (${error instanceof Error ? error.message : "?"})`);
  }
}

/** Deepest nesting of brackets and braces outside of strings. */
function depthOf(json: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (inString) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return deepest;
}

/** A body without a type is taken for JSON. */
function checkType(type: string | undefined): void {
  if (type === undefined || /^application\/(json|[\w.-]+\+json)\s*(;|$)/i.test(type)) return;
  throw new ApiError(415, `Cannot read request body: "${type}" is not known (send application/json)`);
}

function tooLarge(): ApiError {
  return new ApiError(413, `Cannot read request body: too large (at most ${maxBodyBytes} bytes)`);
}
