// SPDX-License-Identifier: Apache-2.0
// A raw HTTP client over a unix socket: sends any bytes, and reads whatever comes back.
import { createConnection, type Socket } from "node:net";

/** One answer of the server. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** Sends bytes on a connection of its own; resolves with all answers when the server closes it, or after `timeoutMs`. */
export async function exchange(
  socketPath: string,
  bytes: string | Uint8Array | readonly (string | Uint8Array)[],
  { timeoutMs = 60_000, halfClose = false } = {},
): Promise<{ answers: RawAnswer[]; closed: boolean; text: string }> {
  const socket = createConnection(socketPath);
  let text = "";
  let closed = false;
  const end = Promise.withResolvers<void>();
  const timer = setTimeout(end.resolve, timeoutMs);
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    text += chunk;
  });
  // A server that refuses resets; what it said before counts.
  socket.on("error", () => undefined);
  socket.on("close", () => {
    closed = true;
    end.resolve();
  });
  const parts = typeof bytes === "string" || bytes instanceof Uint8Array ? [bytes] : bytes;
  for (const part of parts) await write(socket, part);
  if (halfClose) socket.end();
  await end.promise;
  clearTimeout(timer);
  socket.destroy();
  return { answers: parseAnswers(text), closed, text };
}

/** Resolves when the bytes are on their way, or the socket is gone. */
export function write(socket: Socket, bytes: string | Uint8Array): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("close", done);
      resolve();
    };
    socket.once("close", done);
    if (typeof bytes === "string") socket.write(bytes, "latin1", done);
    else socket.write(bytes, done);
  });
}

/** Splits what came back at the lengths that it announces; what does not parse fails its reader's asserts. */
export function parseAnswers(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = text;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    const headers = end < 0 ? rest : rest.slice(0, end);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(headers)?.[1] ?? Number.NaN);
    const length = Number(/^content-length: (\d+)$/im.exec(headers)?.[1] ?? 0);
    const body = end < 0 ? "" : rest.slice(end + 4, end + 4 + length);
    answers.push({ status, headers, body });
    rest = end < 0 ? "" : rest.slice(end + 4 + length);
    if (/^HTTP\/1\.1 100 /.test(headers)) answers.pop();
  }
  return answers;
}
