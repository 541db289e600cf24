// SPDX-License-Identifier: Apache-2.0
// The shell's commands.
export { runLines, runWords, shellCommands } from "./shell.ts";
