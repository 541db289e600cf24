// SPDX-License-Identifier: Apache-2.0
// One HTTP call over a unix socket, with JSON on both sides.
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import { AgentUnreachableError, ApiError } from "./errors.ts";
import { agentBase } from "./router.ts";

export interface CallOptions {
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** Below the base. */
  readonly path: string;
  /** Default /v1. */
  readonly base?: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Milliseconds until the whole answer must be there; 0: for ever. */
  readonly timeout: number;
}

export interface CallResult {
  readonly status: number;
  /** Parsed JSON, or the text of a text/plain answer; undefined when empty. */
  readonly body: unknown;
}

const maxAnswer = 512 * 1024 * 1024;

/** Resolves with an answer below 400; rejects with ApiError (the agent's answer) or AgentUnreachableError. */
export function call(socketPath: string, options: CallOptions): Promise<CallResult> {
  const text = options.body === undefined ? undefined : JSON.stringify(options.body);
  const headers = {
    accept: "application/json",
    ...(text === undefined
      ? {}
      : { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const path = `${options.base ?? agentBase}${options.path}${queryText(options.query)}`;
    const request = httpRequest({ socketPath, method: options.method, path, headers, agent: false });
    const fail = (error: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      request.destroy();
      reject(error instanceof ApiError ? error : new AgentUnreachableError(socketPath, error.code ?? error.message));
    };
    const timer =
      options.timeout > 0
        ? setTimeout(() => fail(Object.assign(new Error("timed out"), { code: "ETIMEDOUT" })), options.timeout)
        : undefined;
    request.on("error", fail);
    request.on("response", (response) => {
      readAnswer(response).then((result) => {
        clearTimeout(timer);
        resolve(result);
      }, fail);
    });
    request.end(text);
  });
}

/**
 * Values of a stream of JSON lines as they come; GET. Ends with the agent's answer, or quietly when the signal aborts.
 * Throws ApiError (the agent's answer) or AgentUnreachableError.
 */
export async function* callStream<T>(
  socketPath: string,
  options: Pick<CallOptions, "path" | "base" | "query"> & { readonly signal: AbortSignal },
): AsyncGenerator<T, void, void> {
  const { signal } = options;
  if (signal.aborted) return;
  const path = `${options.base ?? agentBase}${options.path}${queryText(options.query)}`;
  const request = httpRequest({ socketPath, path, agent: false, signal });
  request.end();
  try {
    const [response] = (await once(request, "response")) as [IncomingMessage];
    if ((response.statusCode ?? 0) >= 400) await readAnswer(response);
    for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      yield JSON.parse(line) as T;
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof ApiError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AgentUnreachableError(socketPath, code ?? message);
  } finally {
    request.destroy();
  }
}

async function readAnswer(response: IncomingMessage): Promise<CallResult> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswer) throw new ApiError(502, `Cannot read the agent's answer: more than ${maxAnswer} bytes`);
    chunks.push(chunk);
  }
  const status = response.statusCode ?? 0;
  const body = parseAnswer(Buffer.concat(chunks).toString("utf8"), response.headers["content-type"] ?? "");
  if (status >= 400) throw new ApiError(status, errorMessage(body) ?? `The agent answered with status ${status}`);
  return { status, body };
}

function parseAnswer(text: string, contentType: string): unknown {
  if (text.trim() === "") return undefined;
  if (contentType.startsWith("text/plain")) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError(502, "Cannot read the agent's answer: not JSON", error);
  }
}

/** Ours are `{code, message}`, Cilium's plain JSON strings. */
function errorMessage(body: unknown): string | undefined {
  if (typeof body === "string") return body;
  if (typeof body !== "object" || body === null || !("message" in body)) return undefined;
  return typeof body.message === "string" ? body.message : undefined;
}

function queryText(query: CallOptions["query"]): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
