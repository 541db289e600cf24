// SPDX-License-Identifier: Apache-2.0
// What a command of the shell is.
import type { Context } from "../context.ts";

/** One line, taken apart. */
export interface ShellCall {
  /** Words without options. */
  readonly args: readonly string[];
  /** `-format=json`, `--format=json` and `-format json` are the same. */
  readonly options: ReadonlyMap<string, string>;
}

export interface ShellCommand {
  /** Such as `db/show`; `db show` and `db tables` are read as the same. */
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  /** Options that take a value. */
  readonly options?: readonly string[];
  readonly run: (context: Context, call: ShellCall) => Promise<void>;
}
