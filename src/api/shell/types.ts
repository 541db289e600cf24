// SPDX-License-Identifier: Apache-2.0
// What a command of the shell is.
import type { AgentApi } from "../types.ts";

/** What the shell asks of the agent. */
export type ShellApi = Pick<AgentApi, "statedb" | "metrics">;

/** An option; but for a switch it has a value. `-format=json`, `--format=json` and `--format json` are the same. */
export interface ShellFlag {
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  readonly help: string;
  readonly isSwitch?: boolean;
  /** What may be given, for completion. */
  readonly values?: readonly string[];
}

/** One line, taken apart. */
export interface ShellCall {
  readonly api: ShellApi;
  /** Words without options. */
  readonly args: readonly string[];
  /** Values by the options' long names. */
  readonly flags: ReadonlyMap<string, string>;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

export interface ShellCommand {
  /** Such as `db/show`; `db show` is read as the same. */
  readonly name: string;
  /** Such as `table key`. */
  readonly args: string;
  readonly summary: string;
  readonly flags?: readonly ShellFlag[];
  /** Whether `[stdout]` goes before its output. */
  readonly announced?: boolean;
  /** Gives text; each piece ends with a newline. Throws CiliumError for what cannot be done. */
  readonly run: (call: ShellCall) => AsyncIterable<string> | Iterable<string>;
  /** What may be its first argument. */
  readonly complete?: (api: ShellApi) => readonly string[];
}
