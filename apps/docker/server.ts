// SPDX-License-Identifier: Apache-2.0
// HTTP on the plug-in's socket: calls are posted, answers are JSON, errors are {"Err": text}.
import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { listenUnix } from "../../src/api/index.ts";
import { createLogger, errorChain, oneLine } from "../../src/core/index.ts";
import { RequestError } from "./errors.ts";
import type { Calls } from "./protocol.ts";

const log = createLogger("docker");

/** Largest request in bytes. */
const maxBody = 1024 * 1024;
const maxConnections = 256;
/** Milliseconds in which a request has to be there. */
const requestTimeout = 10_000;
/** For calls under way when it is to stop: the engine repeats those without their bodies (ms). */
const stopGrace = 30_000;
/** In which connections that were made before are accepted, ms. */
const doorTime = 100;
const contentType = "application/vnd.docker.plugins.v1.2+json";

export interface PluginServer {
  /** Resolves when the engine may connect. Throws CiliumError when the socket cannot be had. */
  start(): Promise<void>;
  /** Takes no new calls, lets running ones end for up to 30 seconds, removes the socket. */
  stop(): Promise<void>;
}

/** Serves the calls on a socket that root and its group may use. */
export function createPluginServer(socketPath: string, calls: Calls): PluginServer {
  const server = createServer(
    {
      requestTimeout,
      headersTimeout: requestTimeout,
      connectionsCheckingInterval: 1000,
      // The engine sends an empty one.
      requireHostHeader: false,
    },
    (request, response) => void serve(calls, request, response),
  );
  server.maxConnections = maxConnections;
  return {
    start: () => listenUnix(server, socketPath, 0o660),
    stop: async () => {
      // Who comes now finds nobody, and comes again; who is at the door is let in.
      rmSync(socketPath, { force: true });
      await new Promise((resolve) => setTimeout(resolve, doorTime));
      await close(server);
    },
  };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), stopGrace);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
  });
}

async function serve(calls: Calls, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = oneLine(request.url ?? "", 100);
  const started = Date.now();
  try {
    const call = Object.hasOwn(calls, path) ? calls[path] : undefined;
    if (call === undefined) return answer(response, 404, { Err: `Cannot serve "${path}": no such call` });
    if (request.method !== "POST") return answer(response, 405, { Err: `Cannot serve "${path}": POST it` });
    answer(response, 200, await call(await readBody(request)));
    log.debug("Served the engine", { call: path, milliseconds: Date.now() - started });
  } catch (error) {
    const message = oneLine(errorChain(error));
    log.warn("Cannot serve the engine", { call: path, error: message });
    answer(response, error instanceof RequestError ? 400 : 500, { Err: message });
  }
}

/**
 * One call a connection: the engine repeats a call without its body when a connection that it kept is closed under it.
 * Behind an error there may also be the rest of a body that nobody reads.
 */
function answer(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed) return;
  const text = `${JSON.stringify(body)}\n`;
  const length = Buffer.byteLength(text);
  response.writeHead(status, { "content-type": contentType, "content-length": length, connection: "close" });
  response.end(text);
}

/** An empty body is an empty object. */
async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBody) throw new RequestError(`Cannot read request: more than ${maxBody} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new RequestError(`Cannot read request: not JSON (${errorChain(error)})`);
  }
}
