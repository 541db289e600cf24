// SPDX-License-Identifier: Apache-2.0
// Which shell a command asks.
import type { Context } from "../context.ts";
import { type Call, textOption } from "../define.ts";

/** The option of commands that Cilium gives it too. */
export const shellSocketOption = [
  "--shell-sock-path <path>",
  "the shell's socket (default: shell.sock beside the agent's)",
] as const;

/** The path that the option gives, or the default. */
export function shellSocketOf(context: Context, call: Call): string {
  return textOption(call, "shellSockPath") ?? context.shellSocket;
}
