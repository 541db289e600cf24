// SPDX-License-Identifier: Apache-2.0
// The commands of a sysdump, in a worker process: one that takes too long is ended together with its worker.
import { type ChildProcess, fork } from "node:child_process";
import type { Bounds, Content, Item } from "./types.ts";

/** `most`: bytes of output. `end`: as a user's Ctrl-C. */
export type ToWorker = { readonly command: readonly string[]; readonly most: number } | { readonly end: true };

export type FromWorker =
  | { /** Base64. */ readonly output: string }
  | { readonly code: number; readonly stderr: string; readonly truncated: boolean };

const program = new URL("./worker.ts", import.meta.url).pathname;

/** One worker, made when it is first needed, and again after one was ended. */
export class CommandRunner implements Disposable {
  readonly #env: NodeJS.ProcessEnv;
  #worker: ChildProcess | undefined;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  /** One at a time. Resolves also for a command that fails, with what it printed. */
  async run({ command, endAfter }: Extract<Item, { command: unknown }>, bounds: Bounds): Promise<Content> {
    const worker = this.#started();
    const chunks: Buffer[] = [];
    const done = Promise.withResolvers<Omit<Content, "bytes">>();
    const onMessage = (message: FromWorker) => {
      if ("output" in message) chunks.push(Buffer.from(message.output, "base64"));
      else done.resolve({ truncated: message.truncated, ...problem(message) });
    };
    const onExit = () => done.resolve({ truncated: false, error: "its process ended" });
    worker.on("message", onMessage).once("exit", onExit);
    const late = setTimeout(() => {
      done.resolve({ truncated: false, error: `it was ended after ${Math.round(bounds.itemMs)} ms` });
      this.#end();
    }, bounds.itemMs);
    const end = endAfter === undefined ? undefined : setTimeout(() => worker.send({ end: true }), endAfter);
    try {
      worker.send({ command, most: bounds.itemBytes } satisfies ToWorker);
      const outcome = await done.promise;
      return { bytes: Buffer.concat(chunks), ...outcome };
    } finally {
      clearTimeout(late);
      clearTimeout(end);
      worker.off("message", onMessage).off("exit", onExit);
    }
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #started(): ChildProcess {
    const running = this.#worker;
    if (running?.connected === true) return running;
    const worker = fork(program, { env: this.#env, stdio: ["ignore", "ignore", "ignore", "ipc"] });
    this.#worker = worker;
    return worker;
  }

  #end(): void {
    this.#worker?.kill("SIGKILL");
    this.#worker = undefined;
  }
}

/** The last line that it wrote, where it failed. */
function problem({ code, stderr, truncated }: Extract<FromWorker, { code: number }>): { error?: string } {
  if (code === 0 || truncated) return {};
  const line = stderr.trim().split("\n").at(-1) ?? "";
  return { error: line === "" ? `exit code ${code}` : line };
}
