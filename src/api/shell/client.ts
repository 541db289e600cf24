// SPDX-License-Identifier: Apache-2.0
// A client of the shell's socket.
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { CiliumError, neutralise } from "../../core/index.ts";
import { AgentUnreachableError } from "../errors.ts";
import { quoteWord } from "./line.ts";
import { endMarker, errorMarker, stderrMarker, stdoutMarker } from "./protocol.ts";

/** Where output goes: whole lines, with their newlines. */
export type ShellOutput = (text: string) => void;

/** A session. Use `open()`; dispose of it when done. */
export class ShellClient implements Disposable {
  readonly #socket: Socket;
  readonly #signal: AbortSignal | undefined;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket, signal: AbortSignal | undefined) {
    this.#socket = socket;
    this.#signal = signal;
    this.#lines = linesOf(socket.setEncoding("utf8"));
  }

  /** Connects; ends when the signal aborts. Rejects with AgentUnreachableError. */
  static async open(socketPath: string, signal?: AbortSignal): Promise<ShellClient> {
    const socket = createConnection(socketPath);
    signal?.addEventListener("abort", () => socket.destroy(), { once: true });
    try {
      await once(socket, "connect", signal === undefined ? {} : { signal });
    } catch (error) {
      socket.destroy();
      throw new AgentUnreachableError(socketPath, (error as NodeJS.ErrnoException).code ?? "ABORTED");
    }
    socket.on("error", () => socket.destroy());
    return new ShellClient(socket, signal);
  }

  /**
   * Runs a line; what it shows goes to `output` as it comes. Rejects with CiliumError when the command fails, or the
   * agent goes away before its end. A session whose signal aborted ends quietly.
   */
  async run(line: string, output: ShellOutput): Promise<void> {
    if (line.includes("\n")) throw new CiliumError("Cannot run a command of several lines: one at a time");
    this.#socket.write(`${line}\n`);
    for (let next = await this.#lines.next(); next.done !== true; next = await this.#lines.next()) {
      const text = neutralise(next.value);
      if (text === stdoutMarker || text === stderrMarker) continue;
      if (text.endsWith(errorMarker)) throw new CiliumError(text.slice(0, -errorMarker.length));
      if (!text.endsWith(endMarker)) output(`${text}\n`);
      else {
        if (text !== endMarker) output(`${text.slice(0, -endMarker.length)}\n`);
        return;
      }
    }
    if (this.#signal?.aborted !== true) throw new CiliumError(`Cannot finish "${line}": the agent ended the session`);
  }

  /** As run(), of words that may hold any character but newlines. */
  runWords(words: readonly string[], output: ShellOutput): Promise<void> {
    return this.run(words.map(quoteWord).join(" "), output);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** Whole lines; ends when the connection does, for whatever reason. */
async function* linesOf(socket: Socket): AsyncGenerator<string, void, void> {
  let begun = "";
  try {
    for await (const chunk of socket) {
      const lines = `${begun}${chunk}`.split("\n");
      begun = lines.pop() ?? "";
      yield* lines;
    }
  } catch (error) {
    if (!socket.destroyed) throw error;
  }
}

/** What a command shows, as a whole. Rejects as ShellClient does. */
export async function askShell(socketPath: string, words: readonly string[], signal?: AbortSignal): Promise<string> {
  using client = await ShellClient.open(socketPath, signal);
  let all = "";
  await client.runWords(words, (text) => {
    all += text;
  });
  return all;
}
