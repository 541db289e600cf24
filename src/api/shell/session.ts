// SPDX-License-Identifier: Apache-2.0
// One client of the shell: its lines one after the other, until it goes away. Nothing that it does grows without bound.
import { once } from "node:events";
import type { Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { CiliumError, createLogger, errorChain, neutraliseLine, toError } from "../../core/index.ts";
import { prepare } from "./commands.ts";
import { splitLine } from "./line.ts";
import { endMarker, errorMarker, exitWords, maxLine, stdoutMarker, withoutMarkers } from "./protocol.ts";
import type { ShellApi } from "./types.ts";

const log = createLogger("shell");

/** Characters that may wait for their turn. */
const maxWaiting = 1024 * 1024;
/** Milliseconds in which a client must take some of its output. */
const patience = 60_000;
/** Milliseconds after which a client that asks for nothing is sent away. */
const idleTime = 30 * 60_000;

/** Resolves when the session is over; does not reject. */
export async function serveSession(socket: Socket, api: ShellApi): Promise<void> {
  const gone = new AbortController();
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  for (const event of ["end", "close"]) socket.once(event, () => gone.abort());
  try {
    for await (const line of linesOf(socket)) {
      // Nobody waits for the answers to what a client sent before it went away.
      if (socket.destroyed || exitWords.has(line.trim())) break;
      await answer(socket, api, line, gone.signal);
      // Lines that wait already must not keep the agent from its work.
      await turn();
    }
  } catch (error) {
    // What was wrong with the connection is the client's matter; it is told where it still listens.
    if (!socket.destroyed) socket.write(`${neutraliseLine(errorChain(error))}${errorMarker}\n`);
  }
  socket.end();
  // Whoever does not close must not stay.
  socket.setTimeout(patience, () => socket.destroy());
}

/** Lines as they come. Throws CiliumError when one is too long, too much waits, or nothing came for long. */
async function* linesOf(socket: Socket): AsyncGenerator<string, void, void> {
  let waiting = "";
  let ended = false;
  let wake = (): void => {};
  const take = (chunk: string): void => {
    waiting += chunk;
    if (waiting.length > maxWaiting) socket.destroy();
    wake();
  };
  const end = (): void => {
    ended = true;
    wake();
  };
  socket.on("data", take).once("end", end).once("close", end);
  for (;;) {
    const at = waiting.indexOf("\n");
    if (at > maxLine || (at < 0 && waiting.length > maxLine)) {
      throw new CiliumError(`Cannot read a line: it has more than ${maxLine} characters`);
    }
    if (at >= 0) {
      const line = waiting.slice(0, at);
      waiting = waiting.slice(at + 1);
      yield line;
    } else if (ended) {
      if (waiting !== "" && !socket.destroyed) yield waiting;
      return;
    } else {
      const timer = setTimeout(() => socket.destroy(), idleTime).unref();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      clearTimeout(timer);
    }
  }
}

async function answer(socket: Socket, api: ShellApi, line: string, signal: AbortSignal): Promise<void> {
  let last = endMarker;
  try {
    const command = prepare(api, splitLine(line), signal);
    let announced = command?.announced !== true;
    for await (const text of command?.output() ?? []) {
      if (!announced) await send(socket, `${stdoutMarker}\n`);
      announced = true;
      await send(socket, withoutMarkers(text));
    }
  } catch (error) {
    if (socket.destroyed) return;
    if (!(error instanceof CiliumError))
      log.error("A command of the shell failed", { line, error: toError(error).message });
    last = `${neutraliseLine(errorChain(error))}${errorMarker}`;
  }
  await send(socket, `${last}\n`);
}

/** Resolves when the client has taken enough of what was sent before. Rejects when it is gone. */
async function send(socket: Socket, text: string): Promise<void> {
  if (socket.destroyed) throw new CiliumError("Cannot answer: the client is gone");
  if (socket.write(text)) return;
  const timer = setTimeout(() => socket.destroy(), patience).unref();
  const stop = new AbortController();
  try {
    const closed = once(socket, "close", { signal: stop.signal });
    await Promise.race([once(socket, "drain", { signal: stop.signal }), closed]);
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}
