// SPDX-License-Identifier: Apache-2.0
// What commands work with: the agent, the output, the options that all of them have.
import type { Command } from "commander";
import { AgentClient, agentSocketPath, monitorSocketPath, shellSocketPath } from "../../src/api/index.ts";
import { neutraliseLine } from "./output/escape.ts";
import { formatStructured, type OutputFormat, parseOutputFormat } from "./output/structured.ts";

/** Where a program run reads and writes; tests give their own. */
export interface Io {
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** All of standard input. */
  readonly stdin: () => Promise<string>;
  /** Asks the user; undefined when standard input is no terminal. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** Aborts when the user wants to stop (SIGINT, SIGTERM). */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Options of every command. */
interface CommonOptions {
  readonly host?: string;
  readonly output?: string | readonly string[];
}

/** One run of one command. */
export class Context {
  readonly io: Io;
  readonly #options: CommonOptions;
  readonly #format: OutputFormat;

  /** Throws UsageError for an unknown `-o`. */
  constructor(io: Io, command: Command) {
    this.io = io;
    this.#options = command.optsWithGlobals<CommonOptions>();
    const { output } = this.#options;
    // Commands that take several have formats of their own.
    this.#format = typeof output === "string" || output === undefined ? parseOutputFormat(output) : { kind: "text" };
  }

  /** `--host` as it was given. */
  get host(): string | undefined {
    return this.#options.host;
  }

  /** Path of the agent's socket, from `--host`, CILIUM_SOCK or the default. */
  get agentSocket(): string {
    return agentSocketPath(this.#options.host, this.io.env);
  }

  get monitorSocket(): string {
    return monitorSocketPath(this.agentSocket);
  }

  get shellSocket(): string {
    return shellSocketPath(this.agentSocket);
  }

  /** A client of the agent; `timeout` in milliseconds. */
  client(timeout?: number): AgentClient {
    return new AgentClient({ socketPath: this.agentSocket, ...(timeout === undefined ? {} : { timeout }) });
  }

  /** Lines for people. Control characters and newlines in them are shown, not sent: only this begins a line. */
  print(lines: readonly string[]): void {
    this.io.stdout(lines.map((line) => `${neutraliseLine(line)}\n`).join(""));
  }

  /** Whether `-o` asks for JSON, YAML or jsonpath. */
  get structured(): boolean {
    return this.#format.kind !== "text";
  }

  /** Prints `value` as `-o` says, or else the lines. */
  async result(value: unknown, lines: () => readonly string[]): Promise<void> {
    const format = this.#format;
    if (format.kind === "text") this.print(lines());
    else this.io.stdout(await formatStructured(format, value));
  }

  /** As result(), for commands whose own form is JSON. */
  async json(value: unknown): Promise<void> {
    const format = this.#format;
    this.io.stdout(await formatStructured(format.kind === "text" ? { kind: "json" } : format, value));
  }
}
